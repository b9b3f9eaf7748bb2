/* stub.S: a flat kernel for Multiboot 1 and 2 that prints what its loader gave it on the first serial port.
 *
 *     IMGC-STUB multiboot1 [command line] [module's command line]...
 *     IMGC-STUB-OK
 *
 * Then it ends QEMU by port 0xf4. Linked to 0x100000 as a flat file, so it gives its addresses itself.
 */
	.set	BASE, 0x100000

	.text
	.globl	_start
_start:
file:
	.balign	4
header1:				/* Multiboot 0.6.96, section 3.1; flag 16: addresses are given */
	.long	0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
	.long	BASE + (header1 - file), BASE, BASE + (end - file), BASE + (end - file) + 0x2000
	.long	BASE + (entry - file)

	.balign	8
header2:				/* Multiboot2 2.0, section 3.1 */
	.long	0xE85250D6, 0, header2_end - header2
	.long	-(0xE85250D6 + (header2_end - header2))
	.short	2, 0			/* addresses */
	.long	24
	.long	BASE + (header2 - file), BASE, BASE + (end - file), BASE + (end - file) + 0x2000
	.short	3, 0			/* entry */
	.long	12, BASE + (entry - file), 0
	.short	0, 0			/* end */
	.long	8
header2_end:

entry:
	movl	$(BASE + (end - file) + 0x2000), %esp
	cld
	cmpl	$0x2BADB002, %eax
	je	multiboot1
	cmpl	$0x36D76289, %eax
	je	multiboot2
	hlt

multiboot1:				/* ebx: flags, ..., +16 command line, +20 count of modules, +24 modules of 16 bytes */
	movl	$(BASE + (hello1 - file)), %esi
	call	print
	movl	16(%ebx), %esi
	call	print_quoted
	movl	20(%ebx), %ecx
	movl	24(%ebx), %edi
1:	testl	%ecx, %ecx
	jz	finish
	movl	8(%edi), %esi
	call	print_quoted
	addl	$16, %edi
	decl	%ecx
	jmp	1b

multiboot2:				/* ebx: size, 0, then tags of {type, size}, each at a multiple of 8 */
	movl	$(BASE + (hello2 - file)), %esi
	call	print
	leal	8(%ebx), %edi
2:	movl	(%edi), %eax
	testl	%eax, %eax
	jz	finish
	leal	8(%edi), %esi
	cmpl	$1, %eax		/* command line */
	je	3f
	leal	16(%edi), %esi
	cmpl	$3, %eax		/* module: start, end, command line */
	jne	4f
3:	call	print_quoted
4:	movl	4(%edi), %eax
	addl	$7, %eax
	andl	$-8, %eax
	addl	%eax, %edi
	jmp	2b

finish:
	movl	$(BASE + (marker - file)), %esi
	call	print
	movw	$0xf4, %dx
	movb	$16, %al
	outb	%al, %dx
5:	hlt
	jmp	5b

print_quoted:				/* esi, in brackets */
	pushl	%esi
	movl	$(BASE + (open - file)), %esi
	call	print
	popl	%esi
	call	print
	movl	$(BASE + (close - file)), %esi

print:					/* the string at esi; keeps ebx, ecx, edi */
	lodsb
	testb	%al, %al
	jz	8f
	movb	%al, %ah
	movw	$0x3fd, %dx
7:	inb	%dx, %al
	testb	$0x20, %al
	jz	7b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	jmp	print
8:	ret

hello1:	.asciz	"\nIMGC-STUB multiboot1"
hello2:	.asciz	"\nIMGC-STUB multiboot2"
open:	.asciz	" ["
close:	.asciz	"]"
marker:	.asciz	"\nIMGC-STUB-OK\n"
end:
