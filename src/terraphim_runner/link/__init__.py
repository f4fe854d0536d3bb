"""The host's half of the conversation with an agent: an asynchronous shell around `wire`.

    guest_link      `open_link(socket)`: a context with a `GuestLink` after the handshake.
                    `run_link(socket)`: the same for `task_group.start`, until `GuestLink.close()`.
                    `GuestLink`: `agent`, `request`, `ping`, `personalize`, `mount_mailbox`, `release_mailbox`,
                    `make_directory`, `make_directories`, `sync`, `close`, `failure`, `wait_lost`.
                    `LinkSettings`.
    execution       `start_execution(link, command)`: a context with a `LinkExecution`.
    file_transfer   `put_file`, `get_file`.
    tree_transfer   `put_tree` (as a tar stream), `get_tree`.
    root            `keep_root(link, spec)`: a context with a root for one job; what it took of the machine.
    link_vm         `LinkVm`: the port `Vm` on a `GuestLink`; takes the provider's own way to ship a tree.

The socket is a connected stream socket, which the link then owns. One `GuestLink` serves any number of calls at
once. When the guest is gone, every call that waits and every later one raises `MachineLost`; when it talks
nonsense, `GuestError`.
"""
