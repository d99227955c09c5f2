"""Listens to a page: its errors, its questions to the edge, and requests that leave the shop."""

from playwright.sync_api import ConsoleMessage, Error, Page, Request


class Watch:
    """``questions`` are the query strings of requests to ``/v1/recommend``; ``foreign`` the URLs of other hosts."""

    def __init__(self, page: Page, shop_url: str) -> None:
        self.questions: list[str] = []
        self.foreign: list[str] = []
        self._shop_url = shop_url
        self._errors: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", self._page_error)
        page.on("request", self._request)

    def expect(self, text: str) -> None:
        """Console errors that hold ``text`` are what this test is about. Exceptions in the page never are."""
        self._expected.append(text)

    def errors(self) -> list[str]:
        return [e for e in self._errors if not any(text in e for text in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _page_error(self, error: Error) -> None:
        self._errors.append(f"exception: {error}")

    def _request(self, request: Request) -> None:
        if request.url.startswith("data:"):
            return
        if not request.url.startswith(self._shop_url):
            self.foreign.append(request.url)
        elif "/v1/recommend?" in request.url:
            self.questions.append(request.url.split("?", 1)[1])
