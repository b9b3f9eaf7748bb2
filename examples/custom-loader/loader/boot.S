/* A boot sector: loads the second stage to 0x8000 and jumps there. imgc stamps the numbers at 4 and 12.
   gcc -m32 -c -o o boot.S && ld -m elf_i386 -Ttext=0x7c00 --oformat binary -o boot.bin o */
	.code16
	.globl	_start
_start:	jmp	start
	.balign	4
lba:	.quad	0		/* first sector of the second stage */
count:	.word	0		/* its sectors */
start:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	cld
	movw	count, %ax
	movw	%ax, packet + 2
	movl	lba, %eax
	movl	%eax, packet + 8
	movl	lba + 4, %eax
	movl	%eax, packet + 12
	movw	$packet, %si
	movb	$0x42, %ah	/* read sectors; the BIOS left the drive in dl */
	int	$0x13
	jc	fail
	ljmp	$0, $0x8000
fail:	movw	$text, %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b
2:	hlt
	jmp	2b
text:	.asciz	"The second stage cannot be read.\r\n"
	.balign	4
packet:	.byte	16, 0
	.word	0, 0x8000, 0
	.quad	0
