#!/usr/bin/env python3
"""Frame times of the timeline page in headless chromium: while it pans, zooms and follows.

    frame_times.py [--seconds 5] [--size 1280x800 ...] [--address URL] [--json FILE]

Prints, for each case, the time from frame to frame and the time that drawing took: median, 95 and 99 of 100, greatest, ms. Without
an address the page shows the mock server's 200 lanes and 10 million events.
"""

import argparse
import json
from pathlib import Path

from browser import Browser

CASES = {
    "pan, 60 s": ("tidemark.show(at, at + 60e9)", "tidemark.view.pan(9)"),
    "pan, 1 h": ("tidemark.showAll()", "tidemark.view.pan(frame % 200 < 100 ? 4 : -4)"),
    "zoom 1 h to 1 ms": ("tidemark.showAll()", "tidemark.view.zoom(tidemark.view.width / 2, frame % 400 < 200 ? 0.93 : 1 / 0.93, false)"),
    "pan single events": ("tidemark.show(at, at + 0.25e9)", "tidemark.view.pan(6)"),
    "follow 5 s": ("tidemark.followSpan = 5e9; tidemark.view.show(0, 5e9); tidemark.isFollowing = true", ""),
}
MEASURE = """
const [setup, act, seconds, done] = arguments;
const page = tidemark, at = (page.live.begin + page.live.watermark) / 2;
page.stopFollowing();
new Function("at", setup)(at);
const step = new Function("frame", act);
const between = [], drawing = [], draw = page.drawAll.bind(page);
page.drawAll = (time) => {
    const start = performance.now();
    draw(time);
    drawing.push(performance.now() - start);
};
let frame = 0, last = 0, end = 0;
const next = (time) => {
    if (last) between.push(time - last);
    else end = time + seconds * 1000;
    last = time;
    if (time >= end) {
        delete page.drawAll;
        done([between, drawing, page.stage.showsEvents]);
        return;
    }
    step(frame++);
    page.invalidate();
    requestAnimationFrame(next);
};
setTimeout(() => requestAnimationFrame(next), 1500);
"""


def quantiles(values):
    values = sorted(values)
    pick = lambda part: values[min(len(values) - 1, int(len(values) * part))]
    return [pick(0.5), pick(0.95), pick(0.99), values[-1]]


def summary(values):
    return " ".join(f"{value:6.1f}" for value in quantiles(values))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--size", action="append")
    parser.add_argument("--rows", default="finest", choices=["roomy", "dense", "finest"])
    parser.add_argument("--address", help="of a page, instead of the mock server's")
    parser.add_argument("--json", help="write the figures there: by case, between frames and of drawing, milliseconds")
    arguments = parser.parse_args()
    figures = {}
    for size in arguments.size or ["1280x1000"]:
        width, height = (int(part) for part in size.split("x"))
        browser = Browser(width, height, address=arguments.address)
        try:
            browser.driver.set_script_timeout(120)
            browser.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
            browser.open(f"#rows={arguments.rows}")
            rows = browser.ask("tidemark.stage.tree.last - tidemark.stage.tree.first")
            print(f"{size}, {rows} rows in sight{'':24} frame to frame{'':14} drawing")
            for name, (setup, act) in CASES.items():
                between, drawing, shows = browser.driver.execute_async_script(MEASURE, setup, act, arguments.seconds)
                kind = "events" if shows else "counts"
                figures[f"{size}, {name}"] = {"between": quantiles(between), "drawing": quantiles(drawing), "frames": len(between)}
                print(f"  {name:20} {kind}  {len(between):4} frames  {summary(between)}   {summary(drawing)}", flush=True)
            for error in browser.take_errors():
                print(error)
        finally:
            browser.close()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
