"""What the runner and the agent in a VM say to each other, without I/O.

A byte stream carries frames (`frame`): a header with its own checksum, then a payload with another. A frame holds
one message (`message`). `connection` turns bytes into messages and back, and counts frames, so that noise on the
line is harmless and a lost frame is not. `window` is the credit that keeps memory bounded at both ends: nobody
sends data that the other end has not made room for, so both ends always read, and a stalled command stops only
itself.

    host                         guest
      Hello(nonce)        ->
                          <-       Ready(nonce)          resets both ends
      Exec(channel=1)     ->
                          <-       Started | Failed
                          <-       Data(channel=1) ...   within the window that Exec gave
      Credit(channel=1)   ->
                          <-       End, Exited           in either order
      Close(channel=1)    ->                             kills what is left of the process tree
                          <-       Closed
      OpenRoot(channel=2) ->                             a root for commands and files, until its Close
                          <-       Done | Failed

The guest imports this package at boot under software emulation, where importing `typing` or `dataclasses` takes
longer than everything here: so neither is imported at run time.
"""
