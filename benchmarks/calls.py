"""What a call costs: ours against the same SDK with its own client and parsing, both under Locust."""

from benchmarks.contenders import PROVIDERS, Case, ours, sdk_default, sdk_own_clients
from benchmarks.duel import USERS, duel
from benchmarks.figures import Aim, Spread, spread
from benchmarks.plan import Plan
from benchmarks.processes import serving
from benchmarks.rounds import Round
from benchmarks.tables import Table

CHEAPER = {
    "plain": {"openai": Aim(4.5), "anthropic": Aim(4.5)},
    "stream": {"openai": Aim(10), "anthropic": Aim(7), "aws-bedrock": Aim(4)},
}
COLUMNS = (
    "provider", "answers", "ours, ms", "SDK's default, ms", "times cheaper", "aim", "ours, calls/s", "busy",
)  # fmt: skip
COLUMNS_OF_FULL = ("than one client per user",)
NOTE = (
    f"CPU time of the client process per call; {USERS} users, one core, 64 tokens without delay. Ratios are of pairs "
    "of adjacent rounds. The SDK's default is one client shared by all users. `busy` is the share of a core that ours "
    "used: well below 100 %, it was waiting for the server."
)
CASES = [Case(provider, stream) for stream in (False, True) for provider in PROVIDERS]


def measure(plan: Plan) -> Table:
    """Run rounds of both in pairs; the full plan adds the SDK's default with one client per user."""
    ways = (ours, sdk_default, sdk_own_clients) if plan.full else (ours, sdk_default)
    table = Table("What a call costs", NOTE, COLUMNS + COLUMNS_OF_FULL if plan.full else COLUMNS)
    with serving("--latency", "0") as server:
        for case in CASES:
            table.rows.append(_row(case, *duel(ways, case, server.url, plan.repeats, plan.round_s)))
    return table


def _row(case: Case, our_rounds: list[Round], *their_rounds: list[Round]) -> list[str]:
    costs = [spread(held.cpu_ms_per_call for held in rounds).text() for rounds in (our_rounds, their_rounds[0])]
    cheaper, *others = (_cheaper(our_rounds, rounds) for rounds in their_rounds)
    rate = spread(held.calls_per_s for held in our_rounds)
    return [
        case.provider,
        case.answers,
        *costs,
        cheaper.text("{:.1f}"),
        _judge(case, cheaper),
        rate.text("{:.0f}"),
        spread(held.busy for held in our_rounds).text("{:.0%}"),
        *(other.text("{:.1f}") for other in others),
    ]


def _cheaper(our_rounds: list[Round], their_rounds: list[Round]) -> Spread:
    """Return the ratio of their cost to ours, round by round."""
    pairs = zip(our_rounds, their_rounds, strict=True)
    return spread(their.cpu_ms_per_call / our.cpu_ms_per_call for our, their in pairs)


def _judge(case: Case, value: Spread) -> str:
    aim = CHEAPER[case.answers].get(case.provider)
    return aim.judge(value) if aim else ""
