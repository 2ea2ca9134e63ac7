"""Every message between a master and its workers, with its data; all use Locust's own connection."""

ASK, ANSWER = "llm_clock_ask", "llm_clock_answer"
"""A worker asks for the master's time and sends its own, in seconds; the answer is {asked_at, at}."""

PREPARED, REFUSED = "llm_prepared", "llm_refused"
"""A worker has imported its SDK, or it can't take part in the run: {reason, exit_code}."""

WANT, UNWANT, GRANT, BACK = "llm_want", "llm_unwant", "llm_grant", "llm_back"
"""A user wants a permit {run_id, begins}, no longer wants it {run_id, begins}, is granted it {run_id, permit}, or
returns it {run_id, number}. `permit` is a list of a `Permit`'s fields, `begins` whether it is to begin a conversation.
"""

DRAIN, DRAINED, CUT = "llm_drain", "llm_drained", "llm_cut"
"""The master asks for the last rows, a worker has sent them, and the master asks to abort the calls in flight."""

RUN, CALLS, IN_FLIGHT, HISTOGRAMS, CLIENT = "llm_run", "llm_calls", "llm_in_flight", "llm_histograms", "llm_client"
"""The keys added to each of Locust's reports: the run's id, each ended call's row as cells, the number of calls in
flight, packed `RunHistograms`, and a sample of `ClientWatch`."""
