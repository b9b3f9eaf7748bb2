/* The kernel on the medium: says on COM1 who started it, and ends QEMU by port 0xf4.
   gcc -m32 -c -o o kernel.S && ld -m elf_i386 -Ttext=0x100000 --oformat binary -o files/boot/kernel o */
	.globl	_start
_start:				/* Multiboot 0.6.96, section 3.1; flag 16: addresses are given */
	.long	0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
	.long	_start, _start, end, end + 0x1000, entry
entry:	movl	$(end + 0x1000), %esp
	cld
	movl	$hello, %esi
	call	print
	movl	64(%ebx), %esi	/* section 3.3: the loader's name */
	call	print
	movl	$done, %esi
	call	print
	movb	$16, %al
	outb	%al, $0xf4
stop:	hlt
	jmp	stop

/* Prints the text at esi, which ends with a zero. */
print:	movw	$0x3fd, %dx
1:	inb	%dx, %al	/* until the port takes a character */
	testb	$0x20, %al
	jz	1b
	lodsb
	testb	%al, %al
	jz	2f
	movw	$0x3f8, %dx
	outb	%al, %dx
	jmp	print
2:	ret

hello:	.asciz	"Hello from a directory, started by "
done:	.asciz	"\r\nIMGC-MEDIUM-OK\r\n"
end:
