#!/usr/bin/env python3
"""The timeline page in a real browser, against a coordinator on real hosts: what one sees is what happens there.

    cluster_page.py --address URL --tail FILE --hosts NAME,NAME --stop COMMAND --resume COMMAND

`--tail` is what `tail --format json` prints meanwhile; the commands stop the relay daemon of the last host, and have it go on.
Each host runs `tick` all the time. Screenshots stay in `.build/screenshots`.
"""

import argparse
import json
import subprocess
import time
import unittest

import browser
from browser import ROOT, Browser

OPTIONS = None


def tail_lines():
    with open(OPTIONS.tail, encoding="utf-8") as file:
        return [line for line in file.read().split("\n")[:-1]]


class ClusterPage(unittest.TestCase):
    """One after the other, by name, in one browser: the feed goes on."""

    @classmethod
    def setUpClass(cls):
        browser.SCREENSHOTS = ROOT / ".build" / "screenshots"
        cls.browser = Browser(address=OPTIONS.address)
        cls.hosts = OPTIONS.hosts.split(",")

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def tearDown(self):
        self.assertEqual(self.browser.take_errors(), [], "the console tells of errors")

    def ask(self, expression):
        return self.browser.ask(expression)

    def until(self, expression):
        self.browser.until(expression)

    def text(self, element):
        return self.ask(f"document.getElementById('{element}').textContent")

    def show_middle(self, seconds):
        """Some of what is complete, around its middle."""
        self.browser.run("""
            const live = tidemark.live, middle = (live.begin + live.watermark) / 2, half = arguments[0] * 5e8;
            tidemark.show(middle - half, middle + half);""", seconds)
        self.browser.frames()
        self.browser.settle()

    def test_1_lanes_appear(self):
        self.browser.open()
        self.until(f"tidemark.tree.roots.length === {len(self.hosts)}")
        self.assertEqual(self.ask("tidemark.tree.roots.map((lane) => lane.name).sort()"), sorted(self.hosts))
        self.until("tidemark.tree.roots.every((host) => host.children[0]?.children.length > 0 && host.events > 0)")
        kinds = set(self.ask("tidemark.stage.tree.rows.map((lane) => lane.kind)"))
        self.assertEqual(kinds, {"host", "session", "stream"})
        self.assertIn(f"{len(self.hosts)} hosts", self.text("lane-count"))
        self.until("tidemark.stage.density[0].total > 0")
        self.browser.screenshot("1-lanes")

    def test_2_zooming_changes_the_level_of_detail(self):
        self.browser.run("tidemark.showAll()")
        self.browser.frames()
        self.browser.settle()
        coarse = self.ask("tidemark.stage.density[0].level")
        self.assertFalse(self.ask("tidemark.stage.showsEvents"))
        self.browser.screenshot("2-all")
        self.show_middle(4)
        self.assertLess(self.ask("tidemark.stage.density[0].level"), coarse)
        box = self.ask("(() => { const b = document.getElementById('overlay').getBoundingClientRect(); return [b.left + b.width / 2, b.top + 80]; })()")
        for _ in range(12):
            self.browser.wheel(*box, -400)
            self.browser.settle()
        self.until("tidemark.stage.showsEvents")
        self.assertEqual(self.text("status-detail"), "events")
        self.browser.screenshot("2-events")

    def test_3_a_click_shows_what_tail_prints(self):
        self.show_middle(0.05)
        self.until("tidemark.stage.showsEvents && tidemark.stage.events.tiles.some((t) => t.count > 0)")
        place = self.browser.run("""
            const page = tidemark, band = page.stage.tree, box = document.getElementById("overlay").getBoundingClientRect();
            for (const tile of page.stage.events.tiles) {
                for (let at = 0; at < tile.count; at += 1) {
                    const row = band.rowOf[tile.lanes[at]], x = page.view.x(tile.times[at]);
                    if (row === undefined || row < 0 || x < 40 || x > page.view.width - 40) continue;
                    const y = (band.y(row) + band.rowPixels / 2) / page.stage.ratio;
                    if (page.stage.hit(x, y).event) return [box.left + x, box.top + y];
                }
            }
            return null;""")
        self.assertIsNotNone(place, "no single event is in sight")
        self.browser.click(*place)
        self.until("!document.getElementById('details').hidden && tidemark.details.json !== null")
        shown = self.ask("tidemark.details.json")
        self.assertIn(shown, set(tail_lines()))
        fields = dict(self.ask("[...document.querySelectorAll('#details-body tr')].map((row) => [...row.cells].map((c) => c.textContent))"))
        self.assertEqual(fields["seqno"], str(json.loads(shown)["fields"]["seqno"]))
        self.browser.screenshot("3-details")
        self.browser.key("Escape")

    def test_4_following_goes_on_and_pausing_holds(self):
        self.browser.run("tidemark.stopFollowing()")
        self.browser.run("document.getElementById('follow').click()")
        self.until("tidemark.isFollowing")
        first = self.ask("tidemark.view.to")
        self.until(f"tidemark.view.to > {first} + 1e9 && tidemark.live.isConnected")
        self.browser.screenshot("4-following")
        self.browser.run("document.getElementById('follow').click()")
        self.until("!tidemark.isFollowing")
        held, watermark, events = self.ask("[tidemark.view.to, tidemark.live.watermark, tidemark.live.events]")
        self.until(f"tidemark.live.watermark > {watermark} + 1e9 && tidemark.live.events > {events}")
        self.assertEqual(self.ask("tidemark.view.to"), held)
        self.browser.screenshot("4-paused")

    def test_5_a_filter_narrows(self):
        self.show_middle(4)
        whole = self.ask("tidemark.stage.density[0].total")
        rows = self.ask("tidemark.stage.tree.rows.length")
        self.apply(f'$host == "{self.hosts[0]}"')
        self.until(f"tidemark.stage.tree.rows.length < {rows}")
        self.assertEqual(set(self.ask("tidemark.stage.tree.rows.filter((lane) => lane.kind === 'host').map((lane) => lane.name)")), {self.hosts[0]})
        # By a field, which takes the events themselves: as many as `tail` has printed.
        self.apply("seqno < 1000 && seqno >= 500")
        first = [json.loads(line) for line in tail_lines()]
        wanted = [event["ts"] for event in first if event.get("type") == "event" and 500 <= event["fields"]["seqno"] < 1000]
        self.assertGreater(len(wanted), 0)
        begin, end = min(wanted) - 100_000_000, max(wanted) + 100_000_000
        counts = self.browser.driver.execute_async_script("""
            const [from, to, filter, done] = arguments;
            (async () => {
                for (;;) {
                    const answer = await tidemark.api.json("/api/counts", { from, to, filter });
                    if (!answer.next) return done(answer.lanes.find(([lane]) => lane === 0)[1]);
                }
            })();""", str(begin), str(end), "seqno < 1000 && seqno >= 500")
        self.assertEqual(counts, len(wanted))
        self.browser.run("tidemark.showAll()")
        self.browser.frames()
        self.browser.settle()
        self.until("tidemark.stage.density[0].unknown.length === 0")
        self.assertLess(self.ask("tidemark.stage.density[0].total"), max(whole, 1))
        self.browser.screenshot("5-filter")
        self.browser.run("document.getElementById('clear').click()")
        self.until("tidemark.activeFilter === ''")
        self.browser.settle()

    def apply(self, expression):
        self.browser.run("tidemark.query.set(arguments[0], true)", expression)
        self.until("tidemark.activeFilter !== ''")
        self.browser.frames()
        self.browser.settle()

    def test_6_a_relay_that_stops_holds_back_and_is_excluded(self):
        name = self.hosts[-1]
        self.browser.run("document.getElementById('follow').click()")
        subprocess.run(OPTIONS.stop, shell=True, check=True)
        try:
            self.until(f"tidemark.live.state.holder?.host === {json.dumps(name)}")
            self.until("document.getElementById('tree').textContent.includes('holds W')")
            self.browser.screenshot("6-held-back")
            self.until(f"tidemark.tree.roots.find((lane) => lane.name === {json.dumps(name)}).state === 'excluded'")
            self.until("tidemark.live.marks.some((mark) => mark.kind === 'excluded' && mark.to === null)")
            watermark = self.ask("tidemark.live.watermark")
            self.until(f"tidemark.live.watermark > {watermark} + 1e9")
            self.browser.screenshot("6-excluded")
        finally:
            subprocess.run(OPTIONS.resume, shell=True, check=True)
        self.until(f"tidemark.tree.roots.find((lane) => lane.name === {json.dumps(name)}).state === 'active'")
        self.until("tidemark.live.marks.some((mark) => mark.kind === 'excluded' && mark.to !== null)")
        time.sleep(1)
        self.browser.screenshot("6-back")


def main():
    global OPTIONS
    parser = argparse.ArgumentParser()
    for name in ("address", "tail", "hosts", "stop", "resume"):
        parser.add_argument(f"--{name}", required=True)
    OPTIONS = parser.parse_args()
    unittest.main(argv=["cluster_page"], failfast=True, verbosity=2)


if __name__ == "__main__":
    main()
