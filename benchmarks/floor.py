"""How close this project comes to Locust's cheapest client: FastHttpUser sending the same bytes to the same server."""

from benchmarks.contenders import Case, fast_http, ours
from benchmarks.duel import duel
from benchmarks.figures import Aim, spread
from benchmarks.plan import Plan
from benchmarks.processes import serving
from benchmarks.rounds import Round
from benchmarks.tables import Table

AIM = Aim(0.45)
QUICK = ("openai",)
FULL = ("openai", "anthropic", "vertex-ai", "aws-bedrock")


def measure(plan: Plan) -> Table:
    """Run rounds of both in pairs."""
    table = Table(
        "Against Locust's floor",
        "Calls per second on one core, as a share of FastHttpUser's with the same bytes; also by CPU time, which the "
        "server can't limit.",
        ("provider", "answers", "ours, calls/s", "FastHttpUser, calls/s", "share", "share by CPU", "aim"),
    )
    with serving("--latency", "0") as server:
        for case in _cases(plan):
            rounds = duel((ours, fast_http), case, server.url, plan.repeats, plan.round_s)
            table.rows.append(_row(case, *rounds))
    return table


def _cases(plan: Plan) -> list[Case]:
    providers = FULL if plan.full else QUICK
    return [Case(provider, stream) for stream in (False, True) for provider in providers]


def _row(case: Case, our_rounds: list[Round], floor_rounds: list[Round]) -> list[str]:
    pairs = list(zip(our_rounds, floor_rounds, strict=True))
    by_rate = spread(our.calls_per_s / floor.calls_per_s for our, floor in pairs)
    by_cpu = spread(floor.cpu_ms_per_call / our.cpu_ms_per_call for our, floor in pairs)
    rates = [spread(held.calls_per_s for held in rounds).text("{:.0f}") for rounds in (our_rounds, floor_rounds)]
    judged = AIM.judge(by_cpu) if case.stream else ""
    return [case.provider, case.answers, *rates, by_rate.text("{:.2f}"), by_cpu.text("{:.2f}"), judged]
