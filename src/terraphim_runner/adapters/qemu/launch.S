/* The last program before a VMM: makes sure that somebody still wants it, shuts it in, and becomes it. See
 * launch_program.py, which lays an ELF header before this code and three numbers behind it.
 *
 *   as --64 launch.S -o launch.o && ld --oformat binary -Ttext 0 -o launch.bin launch.o
 *
 * Arguments: the VMM's command line. Ends with status 125 if its parent is gone, 126 if it cannot shut the VMM in,
 * 127 if that does not start. tests/unit/adapters/qemu/test_launch_program.py holds launch_program.py to this source.
 */
        .code64
start:
        movl    $110, %eax              /* getppid: it may have died before the death signal was set */
        syscall
        cmpl    parent(%rip), %eax
        movl    $125, %ebx
        jne     give_up

        movl    $126, %ebx
        movl    ruleset(%rip), %edi
        testl   %edi, %edi
        js      1f                      /* no ruleset: this kernel has no Landlock */
        xorl    %esi, %esi
        movl    $446, %eax              /* landlock_restrict_self */
        syscall
        testq   %rax, %rax
        jnz     give_up
        movl    ruleset(%rip), %edi
        movl    $3, %eax                /* close */
        syscall
1:
        leaq    filter(%rip), %rax      /* struct sock_fprog: its length and where it is */
        pushq   %rax
        pushq   $(filter_end - filter) / 8
        movl    $22, %edi               /* PR_SET_SECCOMP */
        movl    $2, %esi                /* SECCOMP_MODE_FILTER */
        movq    %rsp, %rdx
        movl    $157, %eax              /* prctl */
        syscall
        addq    $16, %rsp
        testq   %rax, %rax
        jnz     give_up

        movl    self(%rip), %edi
        movl    $3, %eax                /* close */
        syscall

        movl    $127, %ebx
        movq    (%rsp), %rax            /* argc, then argv, then a null, then the environment */
        movq    16(%rsp), %rdi
        leaq    16(%rsp), %rsi
        leaq    16(%rsp,%rax,8), %rdx
        movl    $59, %eax               /* execve */
        syscall
give_up:
        movl    %ebx, %edi
        movl    $231, %eax              /* exit_group */
        syscall

        .macro  rule code, if_true, if_false, operand
        .word   \code
        .byte   \if_true, \if_false
        .long   \operand
        .endm

        .balign 8
filter: /* a VMM is handed the sockets it needs, and opens none in the host's file system; see seccomp(2) */
        rule    0x20, 0, 0, 4           /* load the architecture */
        rule    0x15, 0, 5, 0xc000003e  /* x86_64? or else kill */
        rule    0x20, 0, 0, 0           /* load the call */
        rule    0x35, 3, 0, 0x40000000  /* of x32? kill */
        rule    0x15, 3, 0, 425         /* io_uring_setup? its sockets would pass us by: there is no such call */
        rule    0x15, 3, 0, 41          /* socket? look at its family */
        rule    0x06, 0, 0, 0x7fff0000  /* allow */
        rule    0x06, 0, 0, 0x80000000  /* kill the process */
        rule    0x06, 0, 0, 0x00050026  /* ENOSYS */
        rule    0x20, 0, 0, 16          /* load the family */
        rule    0x15, 0, 1, 1           /* AF_UNIX? */
        rule    0x06, 0, 0, 0x0005000d  /* EACCES */
        rule    0x06, 0, 0, 0x7fff0000  /* allow */
filter_end:
parent = .
self = . + 4
ruleset = . + 8
