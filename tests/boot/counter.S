/* counter.S: a boot sector that counts its boots in the second sector of its disk, says the count on the first serial port and
 * on the screen, and ends QEMU by port 0xf4 once a key is pressed: Enter with 18, any other with 19.
 */
	.code16
	.text
	.globl	_start
_start:
	ljmp	$0, $(0x7c00 + (start - _start))
start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	cld
	movb	%dl, (0x7c00 + (drive - _start))
	movw	$0x0201, %ax
	call	disk
	incb	0x7e00
	movw	$0x0301, %ax
	call	disk
	movb	0x7e00, %al
	addb	$'0', %al
	movb	%al, (0x7c00 + (count - _start))
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
	movb	$0x0e, %ah		/* BIOS: print on the screen */
	movw	$7, %bx
	int	$0x10
	jmp	1b
3:	xorb	%ah, %ah		/* BIOS: wait for a key */
	int	$0x16
	movb	$18, %bl
	cmpb	$'\r', %al
	je	4f
	incb	%bl
4:	movw	$0xf4, %dx
	movb	%bl, %al
	outb	%al, %dx
5:	hlt
	jmp	5b

disk:					/* ah: 2 reads, 3 writes the second sector at 0x7e00 */
	movw	$0x7e00, %bx
	movw	$2, %cx
	xorb	%dh, %dh
	movb	(0x7c00 + (drive - _start)), %dl
	int	$0x13
	ret

drive:	.byte	0
marker:	.ascii	"\r\nBOOT-"
count:	.asciz	"0-OF-THIS-DISK\r\n"
	.org	510
	.byte	0x55, 0xaa
