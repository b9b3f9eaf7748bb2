/*
 * eltorito.S: what a BIOS loads from a CD without emulating a disk, 2048 bytes. It checks its boot information table (where the
 * volume descriptor lies, its own length and sum), reads itself again from where the table says that it lies, says on the first
 * serial port what came of it, and ends QEMU by port 0xf4.
 */
	.equ	BASE, 0x7c00
	.equ	COPY, 0x9000
	.equ	PACKET, 0x8f00
	.equ	LEN, 2048
	.code16
	.text
	.globl	_start
_start:
	jmp	begin
	.org	8
	.fill	56
begin:
	ljmp	$0, $(BASE + (start - _start))
start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	cld
	movw	$(BASE + (bad - _start)), %bp
	cmpl	$16, BASE + 8
	jne	say
	cmpl	$LEN, BASE + 16
	jne	say
	movw	$(BASE + 64), %si
	movw	$((LEN - 64) / 4), %cx
	xorl	%ebx, %ebx
1:	lodsl
	addl	%eax, %ebx
	loop	1b
	cmpl	%ebx, BASE + 20
	jne	say
	/* A disk address packet: one sector of the CD, to 0:COPY. */
	movl	$0x00010010, PACKET
	movl	$COPY, PACKET + 4
	movl	BASE + 12, %eax
	movl	%eax, PACKET + 8
	movl	$0, PACKET + 12
	movw	$PACKET, %si
	movb	$0x42, %ah
	int	$0x13
	jc	say
	movw	$BASE, %si
	movw	$COPY, %di
	movw	$(LEN / 4), %cx
	repe	cmpsl
	jne	say
	movw	$(BASE + (good - _start)), %bp
say:
	movw	%bp, %si
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
	movb	$18, %al
	outb	%al, %dx
4:	hlt
	jmp	4b
good:	.asciz	"\nIMGC-CD-OK\n"
bad:	.asciz	"\nIMGC-CD-BAD\n"
	.org	LEN
