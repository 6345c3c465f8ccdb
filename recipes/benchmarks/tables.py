"""The report: a table in Markdown, JSON, and pictures."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.catalog import PEERS

from fewtext.evaluation.statistics import Estimate, mean_interval

COLUMNS = ("AUROC", "FPR95", "meta-training seconds", "adaptation CPU seconds", "CPU ms a text", "peak MB")

Records = dict[int, dict[str, Any]]
"""The figures of each draw."""


def write_report(folder: Path) -> None:
    """Write `table.md`, `table.json` and the pictures of what `results.jsonl` in the folder holds."""
    found: dict[tuple[str, str], dict[str, Records]] = defaultdict(lambda: defaultdict(dict))
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        found[record["suite"], record["setting"]][record["method"]][record["draw"]] = record
    rows = [row for (suite, setting), methods in found.items() for row in _rows(suite, setting, methods)]
    (folder / "table.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(_markdown(rows), encoding="utf-8")
    _plots(rows, folder)


def _rows(suite: str, setting: str, methods: dict[str, Records]) -> list[dict[str, Any]]:
    """A row a method; the difference is to the peer of the highest accuracy, draw by draw."""
    key = "balanced accuracy" if suite == "arsc" else "accuracy"
    means = {name: mean_interval([r[key] for r in draws.values()]).mean for name, draws in methods.items()}
    every = max(len(draws) for draws in methods.values())
    whole = [name for name, draws in methods.items() if len(draws) == every]  # means of other draws do not compare
    peers = {name: means[name] for name in whole if name.removesuffix(", names") in PEERS}
    best = max(peers, key=peers.__getitem__) if peers else None
    rows = []
    for name, draws in sorted(methods.items(), key=lambda item: -means[item[0]]):
        row: dict[str, Any] = {"suite": suite, "setting": setting, "method": name, "draws": len(draws)}
        for metric in ("accuracy", "balanced accuracy") if suite == "arsc" else ("accuracy",):
            row[metric] = _pair(mean_interval([r[metric] for r in draws.values()]))
        if best is not None and (both := sorted(draws.keys() & methods[best].keys())):
            row["to the best peer"] = _pair(mean_interval([draws[d][key] - methods[best][d][key] for d in both]))
        for metric in COLUMNS:
            values = [r[metric] for r in draws.values() if metric in r]
            if values:
                row[metric] = max(values) if metric == "peak MB" else mean_interval(values).mean
        rows.append(row)
    return rows


def _pair(estimate: Estimate) -> list[float]:
    return [estimate.mean, estimate.half_width]


def _markdown(rows: list[dict[str, Any]]) -> str:
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        tables.setdefault(f"{row['suite']}, {row['setting']}", []).append(row)
    lines: list[str] = []
    for title, own in tables.items():
        columns = [key for key in dict.fromkeys(key for row in own for key in row) if key not in ("suite", "setting")]
        lines += [f"### {title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(_cell(row.get(key, '')) for key in columns)} |" for row in own]
        lines.append("")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return f"{value[0]:.1f} ± {value[1]:.1f}"
    return str(value) if isinstance(value, int | str) else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _plots(rows: list[dict[str, Any]], folder: Path) -> None:
    """Accuracy against shots, and against the CPU seconds of adaptation."""
    import matplotlib.pyplot as plt

    for suite in dict.fromkeys(row["suite"] for row in rows if not row["suite"].endswith("-episodes")):
        own = [row for row in rows if row["suite"] == suite]
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
        for method in dict.fromkeys(row["method"] for row in own):
            of_method = sorted((r for r in own if r["method"] == method), key=lambda r: _shots(r["setting"]))
            accuracy, interval = zip(*(r["accuracy"] for r in of_method), strict=True)
            left.errorbar([_shots(r["setting"]) for r in of_method], accuracy, interval, marker="o", label=method)
            right.plot([max(r["adaptation CPU seconds"], 1e-3) for r in of_method], accuracy, "o-", label=method)
        left.set(xlabel="examples a class", ylabel="accuracy (%)", title=suite, xscale="log")
        right.set(xlabel="CPU seconds of adaptation", xscale="log")
        right.legend(fontsize=7)
        figure.savefig(folder / f"{suite}.png", dpi=120)
        plt.close(figure)


def _shots(setting: str) -> int:
    """The examples a class: the last number of a setting."""
    return int(re.findall(r"\d+", setting)[-1])
