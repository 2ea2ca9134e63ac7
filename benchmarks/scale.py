"""Several workers: how many events per second they read together, and how accurately."""

from benchmarks.figures import Aim, spread
from benchmarks.plan import Plan
from benchmarks.tables import Table
from benchmarks.truth import Pace, run

PACES = {1: Pace(150, 100, 5), 2: Pace(300, 100, 5), 4: Pace(300, 100, 5)}
"""By number of workers: 15,000 events per second for each; four get no more than two do."""


def measure(plan: Plan) -> Table:
    """Run one, two and four workers; they and the target share all cores."""
    table = Table(
        "Several workers",
        "openai streams as above; master, workers and target share all cores.",
        ("workers", "streams", "events/s", "TTFT p99, ms", "aim", "ITL p99, ms", "gaps lost", "believable"),
    )
    for workers, pace in PACES.items():
        runs = [run("openai", pace, "--processes", str(workers)) for _ in range(plan.repeats)]
        ttft_ms = spread(each.ttft_error_ms for each in runs)
        table.rows.append(
            [
                str(workers),
                pace.name,
                spread(each.events_per_s for each in runs).text("{:.0f}"),
                ttft_ms.text("{:+.1f}"),
                Aim(pace.ttft_aim_ms, at_most=True).judge(ttft_ms),
                spread(each.itl_error_ms for each in runs).text("{:+.1f}"),
                spread(each.gaps_lost for each in runs).text("{:.2%}"),
                f"{sum(each.believable for each in runs)} of {len(runs)}",
            ]
        )
    return table
