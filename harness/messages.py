"""Every message between a master and its workers, with its data; all stand under Locust's own connection."""

ASK, ANSWER = "llm_clock_ask", "llm_clock_answer"
"""A worker asks for the master's time, with its own, in seconds; the answer is {asked_at, at}."""

PREPARED, REFUSED = "llm_prepared", "llm_refused"
"""A worker has imported its SDK; or it can't take part in the run: {reason, exit_code}."""

WANT, UNWANT, GRANT, BACK = "llm_want", "llm_unwant", "llm_grant", "llm_back"
"""A user wants a permit {run_id}, wants it no longer {run_id}, gets it {run_id, permit}, gives it back {run_id,
number}. `permit` is the list of a `Permit`'s fields."""

DRAIN, DRAINED, CUT = "llm_drain", "llm_drained", "llm_cut"
"""The master asks for the last rows, a worker has sent them, and the master has calls in flight aborted."""

RUN, CALLS, IN_FLIGHT, HISTOGRAMS, CLIENT = "llm_run", "llm_calls", "llm_in_flight", "llm_histograms", "llm_client"
"""What each of Locust's reports carries: the run's id, the cells of each ended call's row, the number of calls in
flight, packed `RunHistograms`, and a sample of `ClientWatch`."""
