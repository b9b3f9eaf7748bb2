/* mbr.S: a master boot record's code that starts the first sector of the partition which is marked bootable, as every system's own does. */
	.code16
	.text
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	cld
	movw	$0x7c00, %si		/* out of the way of the sector that is loaded to 0x7c00 */
	movw	$0x600, %di
	movw	$256, %cx
	rep movsw
	ljmp	$0, $(0x600 + (moved - _start))
moved:
	movw	$(0x600 + 446), %si
	movw	$4, %cx
1:	testb	$0x80, (%si)
	jnz	2f
	addw	$16, %si
	loop	1b
	int	$0x18
2:	movl	8(%si), %eax
	movl	%eax, 0x600 + (packet - _start) + 8
	pushw	%si
	movw	$(0x600 + (packet - _start)), %si
	movb	$0x42, %ah		/* extended read; dl is still the BIOS's drive */
	int	$0x13
	popw	%si
	jc	3f
	ljmp	$0, $0x7c00
3:	hlt
	jmp	3b
	.balign	4
packet:	.byte	16, 0
	.short	1, 0x7c00, 0
	.quad	0
	.org	440
