"""Debian's chromium, driven against the page and its mock server. Needs chromium, chromium-driver and python3-selenium."""

import threading
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import mock_server

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / ".build" / "timeline-screenshots"
PATIENCE_SECONDS = 30
CODES = {"Escape": 27, "Enter": 13}


class Browser:
    """A browser on a page: of a mock server of its own, or at an address that is given."""

    def __init__(self, width=1280, height=800, scheme="dark", ratio=1, live=True, delay=0.0, touch=False, token=None,
                 address=None):
        self.server, self.address = None, address
        if not address:
            self.server = mock_server.serve(live=live, delay=delay)
            self.server.token = token
            threading.Thread(target=self.server.serve_forever, daemon=True).start()
            self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": ratio, "mobile": touch})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    @property
    def feed(self):
        return self.server.answers.feed

    @property
    def clock(self):
        return self.server.answers.clock

    def open(self, fragment=""):
        self.driver.get("about:blank")
        self.driver.get(self.address + fragment)
        self.until("window.tidemark && tidemark.isReady")
        self.settle()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def ask(self, expression):
        return self.run(f"return {expression}")

    def until(self, expression, message=None):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if self.ask(expression):
                return
            time.sleep(0.03)
        raise AssertionError(message or f"has not come true: {expression}")

    def frames(self):
        """Until what has been changed is drawn."""
        self.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))")

    def settle(self):
        """Until all that is in sight is there and nothing glides. While following, something is always on its way."""
        self.until("(tidemark.isFollowing || tidemark.tiles.running === 0 && tidemark.tiles.queue.length === 0) && tidemark.stage.density[0].isKnown"
                   " && tidemark.view.span === tidemark.view.targetSpan && ![...tidemark.events.tiles.values()].some((t) => t.isPending)")

    def control(self, action, relay):
        self.clock.control(action, relay)

    def mouse(self, kind, x, y, **more):
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def drag(self, start, end, modifiers=0):
        self.mouse("mouseMoved", *start, modifiers=modifiers)
        self.mouse("mousePressed", *start, button="left", buttons=1, clickCount=1, modifiers=modifiers)
        for step in range(1, 9):
            x, y = (start[axis] + (end[axis] - start[axis]) * step / 8 for axis in (0, 1))
            self.mouse("mouseMoved", x, y, button="left", buttons=1, modifiers=modifiers)
        self.mouse("mouseReleased", *end, button="left", clickCount=1, modifiers=modifiers)

    def touch(self, kind, *points):
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {
            "type": kind, "touchPoints": [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]})

    def wheel(self, x, y, down, across=0, modifiers=0):
        self.mouse("mouseWheel", x, y, deltaX=across, deltaY=down, modifiers=modifiers)

    def key(self, key, modifiers=0):
        text = "\r" if key == "Enter" else key if len(key) == 1 and modifiers in (0, 8) else ""
        for kind in ("keyDown", "keyUp"):
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {
                "type": kind, "key": key, "modifiers": modifiers, "windowsVirtualKeyCode": CODES.get(key, 0), **({"text": text} if text and kind == "keyDown" else {})})

    def type(self, text):
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def take_errors(self):
        """What the console has said since the last time that is no plain message. That a test reads pixels is its own matter."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")
                if entry["level"] not in ("INFO", "DEBUG") and "willReadFrequently" not in entry["message"]]


    def close(self):
        self.driver.quit()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
