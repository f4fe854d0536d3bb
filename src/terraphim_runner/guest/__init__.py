"""The agent inside a VM: standard library and `wire` only, one thread, one event loop. Nobody imports it.

    agent             entry point; answers the host's messages
    loop              epoll, timers, ended children
    port              the byte stream to the host
    activity          what can run on a channel
    execution         a command: pipes, credit, end
    process_tree      starting, signalling and killing a command with everything it started
    supervisor        the same without cgroups: one process per command, to which orphans are handed
    process_table     who descends from whom, from /proc
    child             what happens between fork and exec
    account           users and their groups
    file_transfer     files in and out
    place             the machine's own root or a job's, to act in
    job_root          a root for one job, of:
    root_mounts         file systems
    root_disk           a disk of its own for what is written
    root_network        an interface and an address
    root_cgroup         limits
    device_filter       which devices all jobs may use
    mailbox           work trees from the mailbox disk
    machine           clock, randomness, names, power
    kernel            system calls that Python lacks

As PID 1 of a VM it gives each command a cgroup; as a plain process (provider `process`) each command gets a
supervisor. Imports are few, and late where they can be: every one costs time at boot.
"""
