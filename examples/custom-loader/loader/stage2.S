/* A second stage: reads the first sector of a file and shows the text in it, on the screen and on COM1. imgc stamps the
   numbers at 4 and 12.
   gcc -m32 -c -o o stage2.S && ld -m elf_i386 -Ttext=0x8000 --oformat binary -o stage2.bin o */
	.code16
	.globl	_start
_start:	jmp	start
	.balign	4
lba:	.quad	0		/* first sector of the file */
bytes:	.word	0		/* its length */
start:	movb	%dl, drive
	movw	$hello, %si
	movw	$hello_len, %cx
	call	show
	movl	lba, %eax
	movl	%eax, packet + 8
	movl	lba + 4, %eax
	movl	%eax, packet + 12
	movw	$packet, %si
	movb	drive, %dl
	movb	$0x42, %ah
	int	$0x13
	jc	stop
	movw	$0x9000, %si
	movw	bytes, %cx
	call	show
	movw	$done, %si
	movw	$done_len, %cx
	call	show
stop:	hlt
	jmp	stop

/* Shows cx characters at si. */
show:	jcxz	3f
1:	lodsb
	pushw	%ax
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	movw	$0x3fd, %dx
2:	inb	%dx, %al	/* until the port takes a character */
	testb	$0x20, %al
	jz	2b
	popw	%ax
	movw	$0x3f8, %dx
	outb	%al, %dx
	loop	1b
3:	ret

hello:	.ascii	"Second stage; the file says: "
hello_len = . - hello
done:	.ascii	"HOBBY-OK\r\n"
done_len = . - done
drive:	.byte	0
	.balign	4
packet:	.byte	16, 0
	.word	1, 0x9000, 0
	.quad	0
