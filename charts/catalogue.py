"""Every chart, in the order of the page."""

from collections.abc import Sequence

from charts import capacity, differences, distributions, errors, latencies, load, output, waterfall
from charts.data.run import Run, sides_of
from charts.drawing.chart import Chart


def charts_of(runs: Sequence[Run]) -> list[Chart]:
    """Return all charts of one run, or of several laid over each other; those without data say why they are absent."""
    sides = sides_of(runs)
    return [
        differences.of_pairs(runs),
        latencies.latency(sides),
        latencies.ttft(sides),
        distributions.spectrum(sides),
        distributions.histograms(sides),
        load.in_flight(sides),
        load.rates(sides),
        output.tokens(sides),
        output.goodput(sides),
        errors.by_kind(sides),
        capacity.by_load(runs),
        capacity.against_throughput(runs),
        waterfall.of_typical_calls(sides),
    ]
