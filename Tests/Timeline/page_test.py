#!/usr/bin/env python3
"""The timeline page in a real browser, on a computed feed: what the page promises, seen as a user sees it.

    page_test.py [-v] [NAME ...]

Screenshots stay in `.build/timeline-screenshots`.
"""

import json
import unittest

from browser import Browser
from mock_feed import BEGIN, NAMES, SECOND

SHIFT, CONTROL, ALT = 8, 2, 1


class PageTest(unittest.TestCase):
    live = False

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser(live=cls.live)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def setUp(self):
        self.browser.take_errors()
        self.run("localStorage.clear()") if self.ask("location.protocol") == "http:" else None

    def tearDown(self):
        self.assertEqual(self.browser.take_errors(), [], "the console tells of errors")

    def run(self, script_or_result=None, *arguments):
        if not isinstance(script_or_result, str):
            return super().run(script_or_result)
        return self.browser.run(script_or_result, *arguments)

    def ask(self, expression):
        return self.browser.ask(expression)

    def until(self, expression):
        self.browser.until(expression)

    def text(self, element):
        return self.ask(f"document.getElementById('{element}').textContent")

    def show(self, second, span):
        """Seconds since the beginning."""
        self.run("const at = tidemark.live.begin; tidemark.show(at + arguments[0] * 1e9, at + (arguments[0] + arguments[1]) * 1e9)",
                 second, span)
        self.browser.frames()
        self.browser.settle()

    def place(self, lane, time):
        """Where a lane's row has a time, in the window."""
        return self.run("""
            const [lane, time] = arguments, page = tidemark, box = document.getElementById("overlay").getBoundingClientRect();
            const band = page.stage.tree, y = (band.y(band.rowOf[lane]) + band.rowPixels / 2) / page.stage.ratio;
            return [box.left + page.view.x(Number(BigInt(time) - BigInt(page.nsOf(0)))), box.top + y];""", lane, str(time))

    def pixel(self, x, y):
        """The stage's colour at a place of the window."""
        return tuple(self.run("""
            const canvas = document.getElementById("rows"), box = canvas.getBoundingClientRect(), ratio = tidemark.stage.ratio;
            const [x, y] = [(arguments[0] - box.left) * ratio, (arguments[1] - box.top) * ratio].map(Math.round);
            return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3)""", x, y))

    def color(self, name):
        text = self.ask(f"tidemark.theme['{name}']")
        return tuple(int(text[at:at + 2], 16) for at in (1, 3, 5))


class StandingFeed(PageTest):
    def test_lanes_appear(self):
        self.browser.open()
        self.assertEqual(self.text("lane-count"), "3 hosts · 200 streams")
        self.assertEqual(self.ask("tidemark.stage.tree.rows.length"), 3 + 6 + 200)
        names = self.ask("[...document.querySelectorAll('#tree [role=treeitem]')].slice(0, 4).map((e) => e.querySelector('.name').textContent)")
        self.assertEqual(names, ["web-1", "kernel", "cpu 0", "cpu 1"])
        skew = self.ask("document.querySelector('#tree .skew').textContent")
        self.assertEqual(skew, "+30 ±210 µs")
        self.browser.screenshot("standing-dark-1280")

    def test_zooming_changes_the_level_of_detail(self):
        self.browser.open()
        self.show(0, 3600)
        coarse = self.ask("tidemark.stage.density[0].level")
        self.assertFalse(self.ask("tidemark.stage.showsEvents"))
        self.assertIn("a column", self.text("status-detail"))
        self.browser.screenshot("hour-dark-1280")
        x, y = self.place(10, BEGIN + 1800 * SECOND)
        before = self.ask("tidemark.nsOf(tidemark.view.time(%f - document.getElementById('overlay').getBoundingClientRect().left))" % x)
        for _ in range(6):
            self.browser.wheel(x, y, -400)
            self.browser.settle()
        self.assertLess(self.ask("tidemark.stage.density[0].level"), coarse - 4)
        after = self.ask("tidemark.nsOf(tidemark.view.time(%f - document.getElementById('overlay').getBoundingClientRect().left))" % x)
        pixel = self.ask("tidemark.view.span / tidemark.view.width")
        self.assertLess(abs(int(after) - int(before)), 4 * pixel + 3600e9 / 1000, "the time under the pointer has moved")
        for _ in range(8):
            self.browser.wheel(x, y, -400)
            self.browser.settle()
        self.until("tidemark.stage.showsEvents")
        self.assertEqual(self.text("status-detail"), "events")
        self.browser.screenshot("events-dark-1280")

    def test_counts_are_exact(self):
        self.browser.open()
        self.show(1000, 20)
        counted = self.run("""
            const page = tidemark, painter = page.stage.density[0], level = painter.level, size = 512 * 2 ** level;
            const first = Math.ceil(page.view.from / size), tile = page.tiles.at(level, first);
            return [page.nsOf(first * size), String(size), Object.fromEntries([...tile.lanes].map(([id, cells]) => [id, cells.total]))];""")
        begin, size, totals = int(counted[0]), int(counted[1]), counted[2]
        self.assertGreater(sum(totals.values()), 1000)
        for lane, total in totals.items():
            expected = sum(stream.below(begin + size) - stream.below(begin) for stream in self.browser.feed.under[int(lane)])
            self.assertEqual(total, expected, f"lane {lane}")

    def test_a_click_shows_all_fields(self):
        self.browser.open()
        self.show(1800, 0.3)
        self.until("tidemark.stage.showsEvents")
        feed = self.browser.feed
        stream = feed.by_id[3]
        number = stream.below(BEGIN + 1800 * SECOND + 150_000_000)
        x, y = self.place(3, stream.time(number))
        self.browser.click(x, y)
        self.until("!document.getElementById('details').hidden && tidemark.details.json !== null")
        line = feed.line(3, number)
        self.assertEqual(self.ask("tidemark.details.json"), line)
        self.assertEqual(self.text("details-title"), NAMES[number % len(NAMES)])
        shown = dict(self.ask("[...document.querySelectorAll('#details-body tr')].map((row) => [...row.cells].map((c) => c.textContent))"))
        self.assertEqual(shown["ts"], str(stream.time(number)))
        self.assertEqual(shown["address"], "18446744073709551615")
        self.assertEqual(shown["message"], f"<b>tide</b> {number}\\n")
        self.assertEqual(shown["state"], "1 RUNNING")
        self.assertEqual(shown["flags"], "[1, 2, 3]")
        self.assertEqual(shown["vpid"], str(json.loads(line)["stream_context"]["vpid"]))
        self.browser.screenshot("details-dark-1280")
        self.browser.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        self.browser.key("c")
        self.until("document.getElementById('copy-json').textContent === 'copied'")
        self.assertEqual(self.browser.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])"), line)

    def test_stepping_goes_along_the_lane(self):
        stream = self.browser.feed.by_id[40]
        number = stream.below(BEGIN + 500 * SECOND)
        self.browser.open(f"#event=40.{number}&from={BEGIN + 499 * SECOND}&to={BEGIN + 501 * SECOND}")
        self.until(f"tidemark.chosen && tidemark.chosen.id === '40.{number}'")
        for key, expected in ((".", number + 1), (".", number + 2), (",", number + 1)):
            self.browser.key(key)
            self.until(f"tidemark.chosen && tidemark.chosen.id === '40.{expected}'")

    def test_search_finds_the_next_and_the_previous_match(self):
        self.browser.open(f"#from={BEGIN + 100 * SECOND}&to={BEGIN + 101 * SECOND}")
        self.run("document.getElementById('narrow').click()")
        self.browser.key("f")
        self.browser.type('$host == "db-1" && $name == "http:request"')
        self.browser.key("Enter")
        self.until("tidemark.query.applied !== ''")
        self.assertEqual(self.ask("tidemark.activeFilter"), "", "finding alone must not narrow")
        self.run("document.getElementById('overlay').focus()")
        seen = []
        for _ in range(3):
            self.browser.key("n")
            self.until(f"tidemark.chosen && tidemark.chosen.id !== {json.dumps(seen[-1] if seen else '')} && !tidemark.query.search")
            seen.append(self.ask("tidemark.chosen.id"))
        times = [self.browser.feed.by_id[int(lane)].time(int(number)) for lane, number in (event.split(".") for event in seen)]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[0], BEGIN + 100 * SECOND + SECOND // 2)
        for event in seen:
            lane, number = (int(part) for part in event.split("."))
            self.assertEqual(json.loads(self.browser.feed.line(lane, number))["name"], "http:request")
            self.assertEqual(json.loads(self.browser.feed.line(lane, number))["host"], "db-1")
        self.browser.key("N", SHIFT)
        self.until(f"tidemark.chosen.id === '{seen[1]}'")

    def test_a_filter_narrows(self):
        self.browser.open()
        self.show(1800, 0.5)
        all_events = self.ask("tidemark.stage.density[0].total")
        self.browser.key("f")
        self.browser.type('$name == "http:*"')
        self.browser.key("Enter")
        self.until("tidemark.activeFilter !== ''")
        self.browser.frames()
        self.until("tidemark.stage.showsEvents && tidemark.stage.events.tiles.every((t) => t.isFilled)")
        names = set(self.ask("tidemark.stage.events.tiles.flatMap((t) => [...t.names.slice(0, t.count)].map((n) => tidemark.events.names[n]))"))
        self.assertEqual(names, {"http:request", "http:response"})
        self.until("!tidemark.tiles.at(tidemark.stage.density[0].level, Math.floor((tidemark.view.from + tidemark.view.span / 2) / (512 * 2 ** tidemark.stage.density[0].level))).isPartial")
        self.assertLess(self.ask("tidemark.stage.density[0].total"), all_events / 2)
        self.browser.screenshot("filter-dark-1280")
        self.run("document.getElementById('clear').click()")
        self.browser.settle()
        self.until(f"tidemark.stage.density[0].total === {all_events}")

    def test_what_a_filter_has_not_looked_at_yet_is_marked(self):
        self.browser.open()
        self.show(0, 3600)
        self.browser.server.answers.pace = 0
        try:
            self.run("tidemark.query.set('$name == \"irq*\"', true)")
            self.until("tidemark.stage.density[0].unknown.length > 0")
            known = self.ask("tidemark.stage.density[0].total")
            self.browser.screenshot("searching-dark-1280")
        finally:
            self.browser.server.answers.pace = 200
        self.until("tidemark.stage.density[0].unknown.length === 0")
        self.assertGreater(self.ask("tidemark.stage.density[0].total"), known)

    def test_rows_where_events_would_run_together_stay_counts(self):
        self.browser.open()
        # Five seconds in which the first stream has many events, and those in sight not too many together.
        streams, busy = self.browser.feed.streams[:40], 3
        count = lambda stream, second: stream.below(BEGIN + (second + 5) * SECOND) - stream.below(BEGIN + second * SECOND)
        second = max(range(10, 3500), key=lambda at: count(streams[0], at) if sum(count(s, at) for s in streams) < 3800 else 0)
        self.assertGreater(count(streams[0], second), 320)
        calm = next(stream.id for stream in streams[1:20] if 0 < count(stream, second) < 60)
        self.show(second, 5)
        self.until("tidemark.stage.showsEvents")
        hit = """(() => { const s = tidemark.stage, band = s.tree, row = band.rowOf[%d];
            const tile = s.events.tiles.find((t) => t.count), at = [...tile.lanes.slice(0, tile.count)].indexOf(%d);
            const hit = s.hit(tidemark.view.x(tile.times[at]), (band.y(row) + band.rowPixels / 2) / s.ratio);
            return [Boolean(hit.event), Boolean(hit.column)]; })()"""
        self.assertEqual(self.ask(hit % (busy, busy)), [False, True])
        self.assertEqual(self.ask(hit % (calm, calm)), [True, False])

    def test_a_filter_that_names_lanes_hides_the_others(self):
        self.browser.open()
        self.browser.key("f")
        self.browser.type('$host == "db-1" && $session == "postgres"')
        self.browser.key("Enter")
        self.until("tidemark.stage.tree.rows.length === 10")
        names = self.ask("tidemark.stage.tree.rows.slice(0, 3).map((lane) => lane.name)")
        self.assertEqual(names, ["db-1", "postgres", "channel0"])

    def test_a_wrong_filter_is_shown_at_its_column(self):
        self.browser.open()
        self.browser.key("f")
        self.browser.type('$name == "a" && ???')
        self.browser.key("Enter")
        self.until("document.getElementById('query').classList.contains('wrong')")
        lines = self.ask("[...document.getElementById('query-note').children].map((line) => line.textContent)")
        self.assertEqual(lines[0], '$name == "a" && ???')
        self.assertEqual(lines[1].index("^"), lines[0].index("?"))
        self.assertEqual(self.ask("document.getElementById('expression').selectionStart"), lines[0].index("?"))
        self.assertEqual(self.ask("tidemark.activeFilter"), "")
        self.browser.screenshot("wrong-filter-dark-1280")
        self.assertEqual([error for error in self.browser.take_errors() if "/api/filter" not in error], [])

    def test_a_selected_range_is_counted_and_can_be_exported(self):
        self.browser.open()
        self.show(2900, 400)
        x, y = self.place(10, BEGIN + 3000 * SECOND)
        self.browser.drag((x, y), (x + 200, y + 5), SHIFT)
        self.until("document.querySelectorAll('table.counts td').length > 0")
        begin, end = (int(self.ask(f"tidemark.nsOf(tidemark.selection.{edge})")) for edge in ("from", "to"))
        self.assertLess(abs(begin - BEGIN - 3000 * SECOND), 2 * SECOND)
        rows = self.ask("[...document.querySelectorAll('table.counts tr')].slice(1).map((row) => [...row.cells].map((c) => c.textContent))")
        counts = {row[0]: int(row[1].replace(" ", "")) for row in rows}
        feed = self.browser.feed
        for lane, name in ((0, "all"), (1, "web-1"), (feed.hosts[2], "db-1")):
            self.assertEqual(counts[name], sum(s.below(end) - s.below(begin) for s in feed.under[lane]), name)
        links = self.ask("[...document.querySelectorAll('a.export')].map((link) => link.getAttribute('href'))")
        self.assertEqual(links, [f"/api/export?from={begin}&to={end}&format={kind}" for kind in ("json", "perfetto")])
        command = self.ask("[...document.querySelectorAll('.actions button')].at(-1).title")
        self.assertRegex(command, r"^tidemark export tls://… --from \d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z --to \S+Z --format ctf --output DIRECTORY$")
        self.browser.screenshot("selection-dark-1280")
        self.browser.key("Escape")
        self.assertEqual(self.ask("tidemark.selection"), None)

    def test_a_range_is_selected_by_keys(self):
        self.browser.open(f"#from={BEGIN + 1000 * SECOND}&to={BEGIN + 1010 * SECOND}")
        self.browser.key("m")
        self.until("tidemark.mark !== null")
        self.browser.key("d")
        self.until("tidemark.view.from === tidemark.view.targetFrom && tidemark.view.from > tidemark.mark - 5e9 + 1e9")
        self.browser.key("m")
        self.until("tidemark.selection && document.querySelectorAll('table.counts td').length > 0")
        begin, end = (int(self.ask(f"tidemark.nsOf(tidemark.selection.{edge})")) for edge in ("from", "to"))
        self.assertAlmostEqual(begin, BEGIN + 1005 * SECOND, delta=1e6)
        self.assertAlmostEqual(end - begin, 1.8e9, delta=1e6)

    def test_the_address_restores_what_was_shown(self):
        self.browser.open()
        self.show(1800, 0.4)
        self.run("""tidemark.tree.setClosed(tidemark.tree.lanes.get(2), true); tidemark.hide(tidemark.tree.lanes.get(90));
            tidemark.togglePin(tidemark.tree.lanes.get(70)); tidemark.query.set('$name == "sched_*"', true); tidemark.nextRowSize();""")
        number = self.browser.feed.by_id[70].below(BEGIN + 1800 * SECOND)
        self.run(f"tidemark.choose({{ id: '70.{number}' }}, false)")
        self.until("location.hash.includes('event=') && location.hash.includes('pinned=') && location.hash.includes('rows=')")
        view = """JSON.stringify([tidemark.nsOf(tidemark.view.from), tidemark.nsOf(tidemark.view.to), tidemark.chosen && tidemark.chosen.id, tidemark.rowSize,
            [...tidemark.tree.closed], [...tidemark.tree.hidden], tidemark.tree.pinned, tidemark.activeFilter, tidemark.isFollowing,
            tidemark.stage.tree.rows.map((lane) => lane.id)])"""
        before, fragment = self.ask(view), self.ask("location.hash")
        self.browser.open(fragment)
        self.until(f"{view} === {json.dumps(before)}")
        self.browser.screenshot("address-dark-1280")

    def test_lanes_are_found_pinned_hidden_and_reordered(self):
        self.browser.open()
        self.browser.key("[")
        self.until("tidemark.stage.tree.rows.length === 3")
        self.browser.key("/")
        self.browser.type("db-1 post cpu 7")
        self.until("document.querySelector('#finder-list li')?.textContent.startsWith('cpu 7')")
        self.browser.screenshot("finder-dark-1280")
        self.browser.key("Enter")
        self.until("tidemark.side.active && tidemark.side.active.cpu === 7 && tidemark.side.active.above.name === 'postgres'")
        self.until("!document.querySelector('#finder').open && !!document.querySelector('#tree .lane.active')")
        self.browser.key("p")
        self.until("document.querySelectorAll('#pinned .lane').length === 1")
        self.run("document.getElementById('tree').focus()")
        self.browser.key("ArrowUp", ALT)
        self.assertEqual(self.ask("tidemark.side.active.above.children.map((lane) => lane.cpu)"), [0, 1, 2, 3, 4, 5, 7, 6])
        self.browser.key("h")
        self.until("!tidemark.stage.tree.rows.includes(tidemark.side.active)")
        self.assertEqual(self.text("unhide"), "show 1 hidden")
        hosts = "tidemark.stage.tree.rows.filter((lane) => lane.kind === 'host').map((lane) => lane.name)"
        self.browser.key("[")
        self.until("tidemark.stage.tree.rows.length === 3")
        self.until("document.querySelectorAll('#tree .lane.host').length === 3")
        boxes = self.ask("[...document.querySelectorAll('#tree .lane.host')].map((e) => { const b = e.getBoundingClientRect(); return [b.left + 60, b.top + b.height / 2, b.height] })")
        boxes.sort(key=lambda box: box[1])
        self.browser.drag((boxes[2][0], boxes[2][1]), (boxes[0][0], boxes[0][1] - boxes[0][2] / 4))
        self.until(f"{hosts}.join() === 'db-1,web-1,web-2'")

    def test_watermark_late_events_and_exclusions_are_drawn(self):
        self.browser.open("#closed=alpha%2Fweb-1&closed=beta%2Fweb-2")
        self.show(3598, 3)
        w = self.browser.clock.watermark()
        x, y = self.place(self.browser.feed.hosts[2], w)
        self.assertIn(self.color("accent"), {self.pixel(x + shift, y) for shift in (-1, 0, 1)})
        time, lane, number, amount = next(late for late in self.browser.feed.late_times if late[1] > self.browser.feed.hosts[2])
        second = (time - BEGIN) / SECOND
        self.show(second - 0.02, 0.04)
        self.until("tidemark.stage.showsEvents")
        self.run("tidemark.reveal(tidemark.tree.lanes.get(arguments[0]))", lane)
        self.browser.settle()
        self.until("tidemark.stage.tree.rows.includes(tidemark.side.active)")
        self.browser.frames()
        x, y = self.place(lane, time)
        edge = {self.pixel(x + shift, y) for shift in (-4, -3, -2, 2, 3, 4)}
        self.assertTrue(any(near(color, self.color("late"), 60) for color in edge), f"{edge}")
        self.assertFalse(near(self.pixel(x, y), self.color("late"), 60), "the inside of a late event is hollow")
        self.browser.mouse("mouseMoved", x, y)
        self.until("!document.getElementById('tip').hidden")
        self.assertIn("late:", self.text("tip"))
        self.browser.screenshot("late-dark-1280")
        self.show(2980, 160)
        x, y = self.place(lane, BEGIN + 3060 * SECOND)
        strip = lambda: [self.pixel(x + step, y) for step in range(12)]
        hatched = strip()
        self.browser.screenshot("excluded-dark-1280")
        self.run("tidemark.live.marks = []; tidemark.invalidate()")
        self.browser.frames()
        self.assertLess(sum(map(sum, hatched)), sum(map(sum, strip())), "an excluded span is veiled")
        self.assertGreater(len(set(hatched)), 2, "an excluded span is hatched")

    def test_keys_move_and_zoom(self):
        self.browser.open()
        self.show(1000, 10)
        view = "[tidemark.view.from, tidemark.view.span]"
        start, span = self.ask(view)
        for key, check in (("w", lambda f, s: s < span), ("s", lambda f, s: abs(s - span) < 1e6), ("d", lambda f, s: f > start),
                           ("ArrowLeft", lambda f, s: abs(f - start) < 1e7), ("0", lambda f, s: s > 3500e9)):
            self.browser.key(key)
            self.until("tidemark.view.span === tidemark.view.targetSpan && tidemark.view.from === tidemark.view.targetFrom")
            self.assertTrue(check(*self.ask(view)), key)
        self.browser.key("?")
        self.until("document.getElementById('sheet').open")
        self.browser.screenshot("sheet-dark-1280")
        self.browser.key("Escape")
        self.until("!document.getElementById('sheet').open")
        self.browser.key("t")
        self.until("document.documentElement.dataset.theme === 'light'")

    def test_a_feed_that_stands_still_is_shown_whole(self):
        self.browser.open()
        self.assertTrue(self.ask("tidemark.isFollowing"))
        self.run("tidemark.live.end -= 600e9; tidemark.wanted = {}; tidemark.openView(); tidemark.invalidate()")
        self.assertFalse(self.ask("tidemark.isFollowing"))
        self.assertAlmostEqual(self.ask("tidemark.view.from - tidemark.live.begin"), 0, delta=1e9)
        self.assertGreater(self.ask("tidemark.view.span"), 3599e9)

    def test_dragging_pans_and_the_overview_has_a_brush(self):
        self.browser.open()
        self.show(1000, 100)
        start = self.ask("tidemark.view.from")
        x, y = self.place(10, BEGIN + 1050 * SECOND)
        self.browser.drag((x, y), (x - 200, y))
        moved = self.ask("tidemark.view.from") - start
        self.assertAlmostEqual(moved, 200 * self.ask("tidemark.view.span / tidemark.view.width"), delta=1e9)
        self.browser.drag((200, 70), (500, 70))
        begin, end = self.ask("[tidemark.overview.time(200), tidemark.overview.time(500)]")
        self.assertAlmostEqual(self.ask("tidemark.view.from"), begin, delta=20e9)
        self.assertAlmostEqual(self.ask("tidemark.view.to"), end, delta=20e9)


class LiveFeed(PageTest):
    live = True

    def test_following_advances_and_pause_holds(self):
        # So long that what is new is in a tile that is there already.
        self.browser.open(f"#follow={1200 * SECOND}")
        self.assertEqual(self.text("follow-text"), "live")
        start = self.ask("tidemark.view.to")
        self.until(f"tidemark.view.to > {start} + 1.5e9")
        events = self.ask("tidemark.live.events")
        self.until(f"tidemark.live.events > {events} + 500")
        newest = "Math.max(...[...tidemark.tiles.levels.get(tidemark.stage.density[0].level).values()].filter((t) => t.lanes.get(1)?.total).map((t) => t.index * t.size + 2 ** t.level * t.lanes.get(1).counts.findLastIndex((c) => c > 0)))"
        edge = self.ask(newest)
        self.until(f"{newest} >= {edge} + 4e9")
        self.browser.screenshot("follow-dark-1280")
        self.browser.key(" ")
        self.until("document.getElementById('follow-text').textContent === 'paused'")
        held = self.ask("tidemark.view.from")
        self.until("/^\\+\\d/.test(document.getElementById('behind').textContent)")
        events = self.ask("tidemark.live.events")
        self.until(f"tidemark.live.events > {events} + 1000")
        self.assertEqual(self.ask("tidemark.view.from"), held)
        self.browser.screenshot("paused-dark-1280")
        # Where all is complete nothing is drawn while the feed goes on: only numbers change.
        self.show(1000, 10)
        frames, events = self.ask("[tidemark.stage.frames, document.getElementById('behind').textContent]")
        self.until(f"document.getElementById('behind').textContent !== {json.dumps(events)}")
        count = self.ask("tidemark.live.events")
        self.until(f"tidemark.live.events > {count} + 8000")
        self.assertLessEqual(self.ask("tidemark.stage.frames") - frames, 2)
        self.browser.key("j")
        self.until(f"tidemark.isFollowing && tidemark.view.from > {held}")
        self.assertTrue(self.ask("document.getElementById('behind').hidden"))

    def test_a_stopped_host_holds_w_back_and_is_excluded(self):
        self.browser.open("#closed=alpha%2Fweb-1&closed=beta%2Fweb-2&closed=gamma%2Fdb-1")
        self.browser.control("stop", "beta")
        try:
            self.until("document.getElementById('status-holder').textContent.startsWith('held by beta/web-2')")
            held = self.ask("tidemark.live.watermark")
            self.until("[...document.querySelectorAll('#tree .badge.alarm')].some((badge) => badge.textContent.startsWith('holds W'))")
            now = self.ask("tidemark.live.now(performance.now())")
            self.until(f"tidemark.live.now(performance.now()) > {now} + 2e9")
            self.assertEqual(self.ask("tidemark.live.watermark"), held)
            self.browser.screenshot("held-dark-1280")
            beta = self.browser.feed.hosts[1]
            x, y = self.place(beta, self.browser.clock.stopped["beta"])
            self.assertIn(self.color("lost"), {self.pixel(x + shift, y) for shift in (-2, -1, 0, 1, 2)})
            self.browser.control("exclude", "beta")
            self.until(f"tidemark.live.watermark > {held} + 1e9")
            self.until("[...document.querySelectorAll('#tree .badge.alarm')].some((badge) => badge.textContent === 'excluded')")
            self.until(f"tidemark.live.marks.some((mark) => mark.kind === 'excluded' && mark.lane === {beta} && mark.to === null)")
            self.browser.screenshot("excluded-now-dark-1280")
        finally:
            self.browser.control("resume", "beta")
        self.until(f"tidemark.live.marks.some((mark) => mark.kind === 'excluded' && mark.lane === {beta} && mark.to !== null)")
        self.until("document.getElementById('status-holder').textContent === ''")

    def test_live_updates_come_back_after_a_break(self):
        self.browser.open()
        self.browser.server.answers.clock.breaks += 1
        self.until("document.getElementById('follow-text').textContent === 'offline'")
        self.until("document.getElementById('follow-text').textContent === 'live'")
        events = self.ask("tidemark.live.events")
        self.until(f"tidemark.live.events > {events}")

    def test_another_generation_begins_anew(self):
        self.browser.open()
        self.browser.server.answers.clock.generation += "-next"
        self.browser.server.answers.clock.breaks += 1
        self.until("tidemark.live.generation.endsWith('-next') && tidemark.live.isConnected")
        self.browser.settle()
        self.assertEqual(self.ask("tidemark.stage.tree.rows.length"), 209)


class Touch(unittest.TestCase):
    def test_two_fingers_keep_the_times_that_they_hold(self):
        browser = Browser(390, 844, live=False, touch=True)
        try:
            browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
            browser.open(f"#from={BEGIN + 1000 * SECOND}&to={BEGIN + 1100 * SECOND}")
            left = browser.ask("document.getElementById('overlay').getBoundingClientRect().left")
            times = lambda first, second: browser.ask(f"[tidemark.view.time({first - left}), tidemark.view.time({second - left})]")
            before, span = times(200, 260), browser.ask("tidemark.view.span")
            browser.touch("touchStart", (200, 400), (260, 400))
            for step in range(1, 7):
                browser.touch("touchMove", (200 - 10 * step, 400), (260 + 15 * step, 420))
            browser.touch("touchEnd")
            after = times(140, 350)
            for finger in (0, 1):
                self.assertAlmostEqual(before[finger], after[finger], delta=0.5e9)
            self.assertLess(browser.ask("tidemark.view.span"), span / 3)
            self.assertEqual(browser.take_errors(), [])
        finally:
            browser.close()


class Beginning(unittest.TestCase):
    def test_a_server_that_reads_its_log_is_waited_for(self):
        browser = Browser(live=False)
        try:
            browser.server.starting = 8
            browser.driver.get(browser.address)
            browser.until("document.getElementById('veil-text').textContent.startsWith('reading the log … ')")
            browser.until("tidemark.isReady")
            self.assertTrue(browser.ask("document.getElementById('veil').hidden"))
            self.assertEqual([error for error in browser.take_errors() if "503" not in error], [])
        finally:
            browser.close()

    def test_a_relay_without_lanes_is_named(self):
        browser = Browser(live=False)
        try:
            browser.open()
            browser.run("""tidemark.live.state.relays.push({ relay: "delta", state: "connecting", reason: "refused" });
                tidemark.invalidate()""")
            browser.until("document.getElementById('status-holder').textContent === 'delta connecting: refused'")
        finally:
            browser.close()

class Token(unittest.TestCase):
    def test_a_token_is_asked_for_and_kept_for_the_tab(self):
        browser = Browser(token="tide-7", live=False)
        try:
            browser.driver.get(browser.address)
            browser.until("document.getElementById('token').open")
            for token in ("wrong", "tide-7"):
                browser.until("document.getElementById('token').open && document.getElementById('token-input').value === ''")
                browser.type(token)
                browser.key("Enter")
                browser.until("!document.getElementById('token').open || document.getElementById('token-input').value === ''")
            browser.until("window.tidemark && tidemark.isReady")
            browser.open()
            self.assertFalse(browser.ask("document.getElementById('token').open"))
            browser.run("const at = tidemark.live.begin; tidemark.setSelection({ from: at, to: at + 1e9 }); tidemark.details.showRange(tidemark.selection)")
            browser.run("document.querySelector('a.export').click()")
            browser.until("performance.getEntriesByType('resource').some((entry) => entry.name.includes('/api/export') && entry.responseStatus === 200)")
            self.assertEqual(browser.server.exports, 1)
            self.assertEqual([error for error in browser.take_errors() if "401" not in error], [])
        finally:
            browser.close()


class Sizes(unittest.TestCase):
    """Screenshots to be looked at, and that nothing sticks out of the window."""

    def look(self, name, width, height, scheme, fragment="", script="", **more):
        browser = Browser(width, height, scheme, **more)
        try:
            browser.open(fragment)
            if script:
                browser.run(script)
                browser.run("return new Promise((done) => setTimeout(done, 500))")
                browser.settle()
            browser.screenshot(f"{name}-{scheme}-{width}")
            self.assertLessEqual(browser.ask("document.documentElement.scrollWidth"), width)
            self.assertEqual(browser.take_errors(), [])
            self.assertEqual(browser.ask("document.documentElement.dataset.theme"), scheme)
        finally:
            browser.close()

    def test_light_1280(self):
        self.look("live", 1280, 800, "light")

    def test_light_2560(self):
        self.look("hour", 2560, 1440, "light", script="tidemark.showAll()")

    def test_dark_2560(self):
        self.look("hour-finest", 2560, 1440, "dark", "#rows=finest", "tidemark.showAll()")

    def test_phone(self):
        self.look("phone", 390, 844, "dark", ratio=3, touch=True)

    def test_phone_details(self):
        self.look("phone-details", 390, 844, "light", f"#event=3.5000&from={BEGIN + 99 * SECOND}&to={BEGIN + 102 * SECOND}", ratio=2)

    def test_two_pixels_a_pixel(self):
        self.look("hidpi", 1280, 800, "light", f"#from={BEGIN + 1800 * SECOND}&to={BEGIN + 1800 * SECOND + SECOND // 3}", ratio=2)


def near(color, wanted, distance):
    return sum(abs(left - right) for left, right in zip(color, wanted)) <= distance


if __name__ == "__main__":
    unittest.main()
