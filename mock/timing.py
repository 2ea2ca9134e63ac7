"""When a model's tokens are due: a wait for the first, then a steady rate."""

from itertools import accumulate
from random import Random

FIRST_TOKEN_SHARE = 0.4
FIRST_TOKEN_SIGMA = 0.5
RATE_SIGMA = 0.15
JITTER = 0.2


class Pace:
    """The latency of an LLM, either random or exact.

    Random: a whole answer of the median length takes `median_latency_s` in the median.
    - The first token takes a log-normal time with a median of 40 % of it, sigma 0.5.
    - The others fill the remaining 60 % at a rate drawn once per answer, log-normal, sigma 0.15.
    - Each gap between two tokens is uniform within 20 % of that rate's.
    With the default 0.7 s, 90 % of whole answers take 0.46 to 1.1 s and 99 % take 0.36 to 1.5 s.

    Exact, if `ttft_s` or `itl_s` is given (the other defaults to 0): token n, from 0, is due at `ttft_s + n * itl_s`.
    `median_latency_s=0` is no delay at all. The same seed draws the same times in the same order.
    """

    def __init__(
        self,
        median_latency_s: float = 0.7,
        ttft_s: float | None = None,
        itl_s: float | None = None,
        seed: int | None = None,
    ) -> None:
        self.exact = ttft_s is not None or itl_s is not None
        self._median_latency_s = median_latency_s
        self._ttft_s = ttft_s or 0.0
        self._itl_s = itl_s or 0.0
        self._random = Random(seed)

    def due_s(self, tokens: int, median_tokens: int) -> list[float]:
        """Return when each token is due, in seconds after the request; `median_tokens` is the usual length."""
        if self.exact:
            return [self._ttft_s + n * self._itl_s for n in range(tokens)]
        if self._median_latency_s == 0:
            return [0.0] * tokens
        return self._draw(tokens, median_tokens)

    def _draw(self, tokens: int, median_tokens: int) -> list[float]:
        draw = self._random
        ttft_s = FIRST_TOKEN_SHARE * self._median_latency_s * draw.lognormvariate(0, FIRST_TOKEN_SIGMA)
        itl_s = (1 - FIRST_TOKEN_SHARE) * self._median_latency_s / median_tokens
        itl_s *= draw.lognormvariate(0, RATE_SIGMA)
        gaps_s = [itl_s * (1 + JITTER * (2 * draw.random() - 1)) for _ in range(tokens - 1)]
        return list(accumulate(gaps_s, initial=ttft_s))
