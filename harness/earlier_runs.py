"""The earlier runs that a run is compared with (--baseline), read before it starts."""

from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.plan.plan import Plan
from summary.gates import relative
from summary.vocabulary import Summary

if TYPE_CHECKING:
    import pandas as pd

OPTION = "--baseline"


class EarlierRuns:
    """What a plan's --baseline names. It is kept in memory: results/latest will soon be another run."""

    def __init__(self, plan: Plan) -> None:
        """Read the runs. Raises `UsageError` if one can't be read, or is not comparable with this plan's."""
        # Importing pandas takes half a second, which a run without a baseline should not wait for.
        import pandas as pd

        from summary.baseline import likeness
        from summary.baseline.measures import Run
        from summary.rows.finished import run_of
        from summary.rows.rows import UnreadableRows

        self._level, self._gates = plan.slo, plan.relative_gates
        planned = Run("this run", pd.DataFrame(), _facts(plan), {})
        try:
            self._runs = [run_of(path) for path in plan.earlier_runs]
            likeness.check_side(self._runs)
            likeness.check_alike([planned, *self._runs], likeness.INCOMPARABLE)
        except (UnreadableRows, likeness.Incomparable) as error:
            raise UsageError(f"{OPTION}: {error}") from error
        except OSError as error:
            raise UsageError(f"{OPTION} {error.filename}: {(error.strerror or str(error)).lower()}") from error

    def compare(self, summary: Summary, rows: "pd.DataFrame", facts: Summary) -> Summary:
        """Return a finished run's summary with its comparison, and the verdicts on relative gates."""
        from summary.baseline.measures import Run
        from summary.baseline.runs import compare
        from summary.rows.finished import in_order

        name = str(facts["files"]).removesuffix("_*")
        run = Run(name, in_order(rows), summary, facts)
        return self.uncompared({**summary, **compare([run], self._runs, self._level)})

    def uncompared(self, summary: Summary) -> Summary:
        """Return a summary with the verdicts on relative gates: without a comparison they can't be judged."""
        return relative.with_verdicts(summary, self._gates)


def _facts(plan: Plan) -> Summary:
    return {name: getattr(plan.settings, name) for name in ("api", "mode", "stream")}
