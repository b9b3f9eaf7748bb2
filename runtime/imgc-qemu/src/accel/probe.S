/* probe.S: a boot sector that goes to protected mode, says so on the first serial port, and ends QEMU by port 0xf4.
 *
 * It shows whether an accelerator runs a guest at all. Assembled and linked to 0x7c00 as a flat file:
 *     gcc -m32 -c -o probe.o probe.S && ld -m elf_i386 -Ttext=0x7c00 --oformat binary -o probe.bin probe.o
 */
	.set	BASE, 0x7c00
	.code16
	.text
	.globl	_start
_start:
	cli
	ljmp	$0, $(BASE + (1f - _start))
1:	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	(BASE + (gdt_place - _start))
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $(BASE + (2f - _start))

	.code32
2:	movw	$16, %ax
	movw	%ax, %ds
	movl	$(BASE + (marker - _start)), %esi
	cld
3:	lodsb
	testb	%al, %al
	jz	5f
	movb	%al, %ah
	movw	$0x3fd, %dx		/* line status: is the transmitter empty? */
4:	inb	%dx, %al
	testb	$0x20, %al
	jz	4b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	jmp	3b
5:	movw	$0xf4, %dx
	movb	$0x2a, %al
	outb	%al, %dx
6:	hlt
	jmp	6b

marker:	.asciz	"IMGC-PROBE\n"
	.balign	8
gdt:	.quad	0			/* none; code and data of 4 GiB from 0, 32 bits wide */
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
gdt_place:
	.short	gdt_place - gdt - 1
	.long	BASE + (gdt - _start)
	.org	510
	.byte	0x55, 0xaa
