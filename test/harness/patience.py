"""How long tests wait for what must come: a limit ends what hangs and claims nothing, so it suits a busy machine.

Tests of seconds on an idle machine took minutes beside other work; these are for one three times as slow as that.
"""

WAIT_S = 300.0  # for one thing; says what was awaited in vain
LIMIT_S = 900.0  # for a whole test, as in pytest.ini; also ends the processes that a test forgets
