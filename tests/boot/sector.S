/* sector.S: a boot sector that says on the first serial port that it was started, and ends QEMU by port 0xf4. */
	.code16
	.text
	.globl	_start
_start:
	ljmp	$0, $(0x7c00 + (start - _start))
start:
	xorw	%ax, %ax
	movw	%ax, %ds
	cld
	movw	$(0x7c00 + (marker - _start)), %si
1:	lodsb
	testb	%al, %al
	jz	3f
	movb	%al, %ah
	movw	$0x3fd, %dx
2:	inb	%dx, %al
	testb	$0x20, %al
	jz	2b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	jmp	1b
3:	movw	$0xf4, %dx
	movb	$17, %al
	outb	%al, %dx
4:	hlt
	jmp	4b
marker:	.asciz	"\nIMGC-SECTOR-OK\n"
	.org	510
	.byte	0x55, 0xaa
