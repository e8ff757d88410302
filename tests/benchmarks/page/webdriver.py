"""Headless Chromium through chromedriver's HTTP interface (W3C WebDriver), which needs no package."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
KINDS = ("requestWillBeSent", "loadingFailed")
ENTER, TAB = "\ue007", "\ue004"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # under which WebDriver names an element


class Browser(AbstractContextManager["Browser"]):
    """A browser with an empty profile.

    Args:
        folder: Where its profile is made.
        scripts: Whether pages may run any.
    """

    def __init__(self, folder: Path, *, scripts: bool = True) -> None:
        assert CHROMIUM and CHROMEDRIVER
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.server = subprocess.Popen([CHROMEDRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        options: dict[str, Any] = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={folder}"]}
        if not scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self._until_ready()
        session = self._post("/session", {"capabilities": {"alwaysMatch": wanted}})
        self.url += f"/session/{session['sessionId']}"

    def __exit__(self, *_: object) -> None:
        try:
            self._request("DELETE", "")
        finally:
            self.server.terminate()
            self.server.wait(10)

    def open(self, path: Path, *, width: int = 1200, scheme: str = "light") -> None:
        """Show a file in a window of this width and colour scheme."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.cdp("Emulation.setDeviceMetricsOverride", **size)
        self._post("/url", {"url": path.as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector: str) -> None:
        """Click on an element as a mouse does: it has to be seen."""
        element = self._post("/element", {"using": "css selector", "value": selector})[ELEMENT]
        self._post(f"/element/{element}/click", {})

    def cdp(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own."""
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last call: ``"browser"``, the console, or ``"performance"``, requests too."""
        return self._post("/se/log", {"type": kind})

    def requests(self) -> list[str]:
        """The addresses of all requests of pages since the last call that no policy of theirs forbade."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        of = {kind: [event["params"] for event in events if event["method"] == f"Network.{kind}"] for kind in KINDS}
        forbidden = {event["requestId"] for event in of["loadingFailed"] if event.get("blockedReason") == "csp"}
        sent = [event for event in of["requestWillBeSent"] if not event["documentURL"].startswith("chrome:")]
        return [event["request"]["url"] for event in sent if event["requestId"] not in forbidden]

    def _until_ready(self) -> None:
        for _ in range(100):
            try:
                if self._request("GET", "/status")["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise TimeoutError("chromedriver does not answer")

    def _post(self, path: str, content: dict[str, Any]) -> Any:
        return self._request("POST", path, json.dumps(content).encode())

    def _request(self, method: str, path: str, content: bytes | None = None) -> Any:
        request = urllib.request.Request(self.url + path, content, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine, whatever the proxy is
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
