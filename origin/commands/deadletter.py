"""``doorstep deadletter``: look at the records that could not be folded, put them back into the log, or drop them."""

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

from shared.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from origin.settings import Settings
    from origin.stream.deadletter import DeadLetters, Letter
    from shared.events import Event


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "deadletter",
        help="records that could not be folded: list, show, replay, drop",
        description="Dead letters are records of the event log that could not be folded into a profile: unreadable, "
        "of an unknown kind, or hostile. They wait here, with the reason, until they are replayed or dropped.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = _action(actions, "list", _list, "the newest letters and why they are dead")
    listing.add_argument("-n", type=int, default=20, metavar="COUNT", help="how many (default: 20)")
    showing = _action(actions, "show", _show, "one letter, whole")
    showing.add_argument("id", metavar="ID")
    replaying = _action(actions, "replay", _replay, "append their events to the log again, if they can be read by now")
    dropping = _action(actions, "drop", _drop, "forget letters for good")
    for action in (replaying, dropping):
        action.add_argument("ids", nargs="*", metavar="ID")
        action.add_argument("--all", action="store_true", help="all letters there are")
    dropping.add_argument("--yes", action="store_true", help="do not ask: what is dropped is gone")


def _action(actions: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=about, description=about.capitalize() + ".")
    action.add_argument("--json", action="store_true", help="print the result as JSON")
    action.set_defaults(run=run)
    return action


def _list(arguments: argparse.Namespace) -> None:
    from origin.cli import print_json

    dead = _open()[1]
    letters, count = dead.newest(arguments.n), dead.count()
    if arguments.json:
        print_json({"count": count, "letters": [_told(letter) for letter in letters]})
        return
    for letter in letters:
        print(f"{letter.id:20}  {_when(letter)}  {len(letter.record.value):6} bytes  {letter.reason[:60]}")
    print(f"{count} dead letters" + (f", the newest {len(letters)} shown" if count > len(letters) else ""))


def _show(arguments: argparse.Namespace) -> None:
    from origin.cli import print_json

    told = _told(_open()[1].get(arguments.id))
    if arguments.json:
        print_json(told)
        return
    for name, value in told.items():
        print(f"{name:12}  {value}")


def _replay(arguments: argparse.Namespace) -> None:
    from origin.cli import print_json

    settings, dead = _open()
    outcome = dead.replay(_chosen(dead, arguments), lambda events: _append(settings, events))
    if arguments.json:
        print_json(outcome._asdict())
    else:
        print(f"{outcome.appended} went back to the log, {outcome.kept} still cannot be read and stay")


def _drop(arguments: argparse.Namespace) -> None:
    from origin.cli import print_json

    dead = _open()[1]
    letters = _chosen(dead, arguments)
    if not arguments.yes:
        raise BadInput("not_confirmed", f"{len(letters)} letters would be gone for good: say --yes")
    dropped = dead.drop([letter.id for letter in letters])
    if arguments.json:
        print_json({"dropped": dropped})
    else:
        print(f"{dropped} dropped")


def _open() -> "tuple[Settings, DeadLetters]":
    import redis

    from origin.commands._running import settings_here
    from origin.stream.deadletter import DeadLetters

    settings = settings_here(os.environ)
    if not settings.redis_url:
        raise BadInput(
            "no_redis",
            "`doorstep up` does not run here; name the Redis in DOORSTEP_REDIS_URL",
        )
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=10, socket_connect_timeout=5)
    return settings, DeadLetters(client, settings.dead_letters)


def _chosen(dead: "DeadLetters", arguments: argparse.Namespace) -> "list[Letter]":
    if bool(arguments.ids) == arguments.all:
        raise BadInput("bad_arguments", "name letters by their ids, or --all")
    return list(dead.all()) if arguments.all else [dead.get(letter_id) for letter_id in arguments.ids]


def _append(settings: "Settings", events: "Sequence[Event]") -> None:
    import asyncio

    from origin.eventlog.choose import open_log

    async def append() -> None:
        log = open_log(settings)
        try:
            await log.open()
            await log.append(events)
        finally:
            await log.close()

    asyncio.run(append())


def _told(letter: "Letter") -> dict[str, Any]:
    from base64 import b64encode

    record = letter.record
    return {
        "id": letter.id,
        "died": _when(letter),
        "reason": letter.reason,
        "visitor": record.visitor,
        "position": list(record.position),
        "appended_ms": record.appended_ms,
        "bytes": len(record.value),
        "value_base64": b64encode(record.value).decode(),
    }


def _when(letter: "Letter") -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(int(letter.id.partition("-")[0]) / 1000))
