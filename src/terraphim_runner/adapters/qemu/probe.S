/* The accelerator probe: a 64 KiB ROM that does what kernels do early. See accelerator.py.
 *
 *   as --32 probe.S -o probe.o && ld -m elf_i386 --oformat binary -Ttext 0 -o probe.bin probe.o
 *
 * Prints on the debug console: R in real mode, P in protected mode, G with paging, D when done; then leaves
 * by isa-debug-exit. tests/vm/test_accelerator.py holds probe_payload.py to this source.
 */
        .code16
        .org 0
start:
        cli
        movw    $0xe9, %dx
        movb    $'R', %al
        outb    %al, %dx
        movl    $0x20000, %ecx
1:      decl    %ecx
        jnz     1b
        cs lgdtl gdtr
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $(0xffff0000 + protected)
        .code32
protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0xe9, %dx
        movb    $'P', %al
        outb    %al, %dx
        movl    $0x200000, %ecx
2:      decl    %ecx
        jnz     2b
        /* identity map of 4 GiB in 4 MiB pages, the page directory at 64 KiB */
        movl    $0x10000, %edi
        movl    $0x83, %eax
3:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $0x400000, %eax
        jnc     3b
        movl    %cr4, %eax
        orb     $0x10, %al
        movl    %eax, %cr4
        movl    $0x10000, %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        movb    $'G', %al
        outb    %al, %dx
        movl    $2000, %esi
4:      movl    %cr3, %eax
        movl    %eax, %cr3
        movl    0x20000, %ebx
        invlpg  0x20000
        movl    0x20000, %ebx
        xorl    %eax, %eax
        cpuid
        decl    %esi
        jnz     4b
        movw    $0xe9, %dx
        movb    $'D', %al
        outb    %al, %dx
        movw    $0xf4, %dx
        movb    $0x10, %al
        outb    %al, %dx
5:      hlt
        jmp     5b
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdtr:   .word   gdtr - gdt - 1
        .long   0xffff0000 + gdt
        .org 0xfff0
        .code16
        jmp     start
        .org 0x10000
