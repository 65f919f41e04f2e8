"""Measure the quality goals: value beside threshold; exit 1 when one is missed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.quality import Outcome, goals


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of every generator; the same seed gives the same numbers.")  # fmt: skip
@click.option("--only", default="", metavar="A1,CP4", help="Only these goals.")
@click.option("--cheap", is_flag=True, help="Only those that take a few seconds.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), default=None,
              help="Also write the values to this file.")  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="Name the goals, measure nothing.")
def main(*, seed: int, only: str, cheap: bool, json_path: Path | None, listed: bool) -> None:
    """Measure the quality goals of the analyses on truth that is known."""
    try:
        chosen = goals(name.strip() for name in only.split(",") if name.strip())
    except KeyError as error:
        raise click.BadParameter(f"there is no goal {error.args[0]}", param_hint="--only") from None
    if cheap:
        chosen = [goal for goal in chosen if goal.cheap]
    if listed:
        for goal in chosen:
            print(f"{goal.name:6} {goal.title}")
        return
    print(f"{'goal':6} {'':6} {'value':>11}  threshold")
    outcomes = []
    for goal in chosen:
        outcomes.append(goal.run(seed))
        for line in _lines(outcomes[-1]):
            print(line, flush=True)
        if json_path:  # anew after each: a run that is broken off keeps what it has
            records = [_record(outcome, seed) for outcome in outcomes]
            json_path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    missed = [outcome.goal.name for outcome in outcomes if outcome.missed]
    skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    print(f"\nseed {seed}: {len(outcomes) - len(missed) - skipped} met, {len(missed)} missed"
          f"{': ' + ', '.join(missed) if missed else ''}, {skipped} skipped")  # fmt: skip
    sys.exit(1 if missed else 0)


def _lines(outcome: Outcome) -> Iterator[str]:
    goal, missed = outcome.goal, outcome.missed
    yield f"{goal.name:6} {goal.title} ({outcome.seconds:.1f} s)"
    if outcome.skipped:
        yield f"{'':6} {'skip':6} {outcome.skipped}"
        return
    for threshold in goal.thresholds:
        verdict = "MISSED" if threshold in missed else "met"
        value = outcome.values.get(threshold.name)
        shown = "absent" if value is None else f"{value:.5g}"
        yield (
            f"{'':6} {verdict:6} {shown:>11}  {threshold.compare} {threshold.bound:g}"
            f"  {threshold.name}"
        )
    bounded = {threshold.name for threshold in goal.thresholds}
    for name, value in outcome.values.items():
        if name not in bounded:
            yield f"{'':6} {'':6} {value:>11.5g}  {name}"


def _record(outcome: Outcome, seed: int) -> dict[str, Any]:
    thresholds = {t.name: f"{t.compare} {t.bound:g}" for t in outcome.goal.thresholds}
    return {
        "goal": outcome.goal.name,
        "title": outcome.goal.title,
        "seed": seed,
        "values": {name: float(value) for name, value in outcome.values.items()},
        "thresholds": thresholds,
        "missed": [t.name for t in outcome.missed],
        "skipped": outcome.skipped,
    }


if __name__ == "__main__":
    main()
