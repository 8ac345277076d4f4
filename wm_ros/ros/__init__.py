"""What every node stands on: lifecycle, process, parameters, QoS, streams, tickers, diagnostics."""
