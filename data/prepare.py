"""Makes the demo shop's files from the original Online Retail CSV. Same input, same bytes.

    python data/prepare.py path/to/online_retail.csv.gz [folder]

The input is the UCI table with its own column names, plain or gzipped. data/README.md states every step.
"""

import csv
import gzip
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.categories import category_of
from data.titles import title_of

PRODUCT = re.compile(r"\d{5}[A-Z]{0,2}|DCGS\w+")
"""Stock codes of goods. All others are postage, fees, samples, vouchers, adjustments and the like."""
SERVICES = frozenset({"22016", "23444", "23574", "23702"})
"""A gift voucher, next day carriage, packing charge, high resolution image: services with a code like that of goods."""


class Line(NamedTuple):
    """One line of an invoice that sold goods."""

    invoice: str
    item: str
    description: str
    quantity: int
    time: str
    price: str
    customer: str


def prepare(source: Path, folder: Path) -> dict[str, int]:
    """Write ``products.csv.gz`` and ``interactions.csv.gz`` into ``folder``; returns what was counted."""
    counted: Counter[str] = Counter()
    sold = list(purchases(source, counted))
    by_item: dict[str, list[Line]] = defaultdict(list)
    for line in sold:
        by_item[line.item].append(line)
    products = (_product(item, lines) for item, lines in sorted(by_item.items()))
    _write(folder / "products.csv.gz", ("item", "title", "price", "category"), products)
    rows = ((line.customer, line.invoice, line.item, line.time, "purchase") for line in sold)
    _write(folder / "interactions.csv.gz", ("visitor", "session", "item", "time", "type"), rows)
    counted.update(interactions=len(sold), products=len(by_item), sessions=len({line.invoice for line in sold}))
    return dict(counted)


def purchases(source: Path, counted: Counter[str]) -> Iterator[Line]:
    """The lines that stand once everything that was not a sale of goods is gone, in the order of the source.

    A cancellation takes back the customer's newest earlier purchase of the item: the one of the same quantity, else
    it reduces the newest larger one, which stays. One without such a purchase (from before the first day) is dropped.
    """
    kept: list[Line | None] = []
    open_purchases: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in _distinct(source, counted):
        line = _line(row)
        if not PRODUCT.fullmatch(line.item) or line.item in SERVICES:
            counted["dropped, not goods"] += 1
        elif line.invoice.startswith("C"):
            counted[_cancel(line, kept, open_purchases[line.customer, line.item])] += 1
        elif line.quantity <= 0 or float(line.price) <= 0 or not line.description:
            counted["dropped, stock adjustment or no price"] += 1
        else:
            if line.customer:
                open_purchases[line.customer, line.item].append(len(kept))
            kept.append(line)
    return (line for line in kept if line is not None)


def _cancel(line: Line, kept: list[Line | None], earlier: list[int]) -> str:
    """Apply one cancellation to ``kept``; says what became of it."""
    for index in reversed(earlier):
        bought = kept[index]
        if bought is not None and bought.quantity == -line.quantity:
            kept[index] = None
            earlier.remove(index)
            return "cancelled, purchase removed"
    for index in reversed(earlier):
        bought = kept[index]
        if bought is not None and bought.quantity > -line.quantity:
            kept[index] = bought._replace(quantity=bought.quantity + line.quantity)
            return "cancelled in part, purchase kept"
    return "cancelled, no purchase found"


def _distinct(source: Path, counted: Counter[str]) -> Iterator[dict[str, str]]:
    seen: set[tuple[str, ...]] = set()
    with _opened(source) as text:
        for row in csv.DictReader(text):
            counted["rows read"] += 1
            key = tuple(row.values())
            if key in seen:
                counted["dropped, exact duplicate"] += 1
                continue
            seen.add(key)
            yield row


def _line(row: dict[str, str]) -> Line:
    return Line(
        invoice=row["InvoiceNo"],
        item=row["StockCode"].strip().upper(),
        description=row["Description"].strip(),
        quantity=int(row["Quantity"]),
        time=row["InvoiceDate"],
        price=row["UnitPrice"],
        customer=row["CustomerID"].removesuffix(".0"),
    )


def _product(item: str, lines: Sequence[Line]) -> tuple[str, str, str, str]:
    """Title from the commonest description (the earliest of equals), price the median of the lines' prices."""
    title = title_of(Counter(line.description for line in lines).most_common(1)[0][0])
    price = median(float(line.price) for line in lines)
    return item, title, f"{max(price, 0.01):.2f}", category_of(title)


def _opened(source: Path) -> io.TextIOBase:
    if source.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(source), encoding="utf-8", newline="")
    return source.open(encoding="utf-8", newline="")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.getvalue().encode())


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    target = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).resolve().parent
    for name, value in prepare(Path(sys.argv[1]), target).items():
        print(f"{value:>9,}  {name}")
