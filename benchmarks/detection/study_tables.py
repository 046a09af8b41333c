"""Markdown tables of results."""

from collections.abc import Callable

import numpy as np

from anomalies_app.evaluation.report import Report


def _row(name: str, report: Report) -> str:
    weakest = min(report.recall_by_type.values())
    delay = report.delay_ticks_from_evident
    return (
        f"| {name} | {report.recall:.3f} | {weakest:.3f} | {report.precision:.3f} | "
        f"{report.false_positives_per_session_hour:.3f} | {delay.median} / {delay.p95} | "
        f"{report.type_macro_f1:.3f} |"
    )


HEADER = "recall | weakest type | precision | false positives/h | delay in ticks | type F1 |\n"
RULE = "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"


def table(title: str, rows: list[tuple[str, dict[str, Report]]]) -> str:
    lines = [
        _row(f"{name} | {on}", report) for name, reports in rows for on, report in reports.items()
    ]
    return f"### {title}\n\n| detector | on | {HEADER}{RULE}" + "\n".join(lines)


def spread(title: str, rows: list[tuple[str, dict[str, Report]]]) -> str:
    lines = [
        f"### {title}",
        "",
        "| on | figure | worst | by | median | best |",
        "| --- | --- | ---: | --- | ---: | ---: |",
    ]
    figures: dict[str, tuple[Callable[[Report], float], bool]] = {
        "recall": (lambda report: report.recall, True),
        "precision": (lambda report: report.precision, True),
        "false positives/h": (lambda report: report.false_positives_per_session_hour, False),
        "type F1": (lambda report: report.type_macro_f1, True),
    }
    for name in rows[0][1]:
        for figure, (read, higher_is_better) in figures.items():
            found = sorted((read(reports[name]), by) for by, reports in rows)
            values = [value for value, _ in found]
            (worst, by), best = found[0], values[-1]
            if not higher_is_better:
                (worst, by), best = found[-1], values[0]
            lines.append(
                f"| {name} | {figure} | {worst:.3f} | {by} | {np.median(values):.3f} | {best:.3f} |"
            )
    return "\n".join(lines)
