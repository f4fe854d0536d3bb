/* A process that begins with a list of system calls, and with no code of the agent's. See spawn.py, which lays out
 * the list and maps this code; it needs no stack, for the process shares the agent's memory until its last call.
 *
 *   as --64 spawn.S -o spawn.o && ld --oformat binary -Ttext 0 -o spawn.bin spawn.o
 *
 * Called as a function: clone3's arguments and their size; the list; its first call that may fail, which is the
 * first execve; and where to go on when another fails. Returns what clone3 returned to the caller. A call is four
 * words: its number, in place of which its result is written, and its first three arguments. The list must end with
 * a call that does not return. tests/unit/guest/test_spawn.py holds spawn.py to this source.
 */
        .code64
start:
        movq    %r8, %r10               /* a system call keeps r8, r9 and r10 */
        movq    %rdx, %r8
        movq    %rcx, %r9
        movl    $435, %eax              /* clone3 */
        syscall
        testq   %rax, %rax
        jz      next
        ret
next:
        movq    (%r8), %rax
        movq    8(%r8), %rdi
        movq    16(%r8), %rsi
        movq    24(%r8), %rdx
        syscall
        movq    %rax, (%r8)
        addq    $32, %r8
        testq   %rax, %rax
        jns     next
        cmpq    %r9, %r8
        ja      next                    /* this one may fail */
        movq    %r10, %r8
        jmp     next
