"""What keeps a latent action from carrying the whole future: five bottlenecks behind one switch [LAM].

All are listed in `kinds`. Each is made by `build_bottleneck` from the entry `bottleneck` of a card, with the same four
parts: `outputs`, how many numbers inverse dynamics must read out for it; `bottleneck(raw, generator) -> z, loss` while
training; `mean(raw) -> z` in use; `health(raw)`, scalars and one value per dimension [Z], over many read-outs.
"""
