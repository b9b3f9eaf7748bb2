/* kernel.S: a kernel of 4 KiB for tests of loaders. It is a Linux bzImage and an EFI application at once, prints what its loader
 * gave it on the first serial port, and ends QEMU by port 0xf4:
 *
 *     IMGC-MARKER ok fw=FIRMWARE stub=ENTRY initrd=0xSIZE cmdline=COMMAND LINE
 *
 * ENTRY says by which door it came in (Linux, Documentation/arch/x86/boot.rst, and UEFI 2.10):
 *     R  real mode, at the setup code            P  32 bits, boot parameters without a trace of EFI
 *     Q  32 bits, boot parameters of EFI         L  64 bits, boot parameters
 *     H  the EFI handover entry                  E  an EFI application, its command line in the load options
 * For E the size of the initrd is that of the file which the loader offers under LINUX_EFI_INITRD_MEDIA_GUID.
 *
 *     0x000  MZ, PE headers    0x200  setup code           0x600  64-bit entry
 *     0x1f1  setup header      0x400  32-bit entry         0xe00  relocations (none)
 */
	.text
	.globl	_start
_start:
	.code16
	.ascii	"MZ"
	.org	0x3c
	.long	0x40
	.ascii	"PE\0\0"
	.short	0x8664, 2		/* x86-64, sections */
	.long	0, 0, 0
	.short	112 + 6 * 8, 0x0206	/* length of the optional header; an executable of 64 bits without line numbers */
	.short	0x20b			/* PE32+ */
	.byte	0, 0
	.long	0xc00, 0, 0
	.long	efi - _start
	.long	0x200
	.quad	0
	.long	0x200, 0x200		/* alignment of sections and in the file */
	.short	0, 0, 1, 0, 0, 0	/* an image version of 1 or more tells of LINUX_EFI_INITRD_MEDIA_GUID */
	.long	0, 0x1000, 0x200, 0	/* length of the image and of its headers */
	.short	10, 0x0100		/* EFI application; its stack needs not be executable */
	.quad	0, 0, 0, 0
	.long	0, 6
	.quad	0, 0, 0, 0, 0
	.long	0xe00, 12
	.ascii	".text\0\0\0"
	.long	0xc00, 0x200, 0xc00, 0x200, 0, 0, 0, 0x60000020
	.ascii	".reloc\0\0"
	.long	0x200, 0xe00, 0x200, 0xe00, 0, 0, 0, 0x42000040

	.org	0x1f1
	.byte	1			/* setup_sects */
	.short	0
	.long	(0x1000 - 0x400) / 16	/* syssize */
	.short	0, 0xffff, 0
	.short	0xaa55
	.byte	0xeb, real - 1f
1:	.ascii	"HdrS"
	.short	0x020f			/* version */
	.long	0
	.short	0, 0
	.byte	0, 1			/* type_of_loader; loadflags: LOADED_HIGH */
	.short	0
	.long	0x100000		/* code32_start */
	.long	0, 0, 0			/* ramdisk_image, ramdisk_size, bootsect_kludge */
	.short	0xde00, 0		/* heap_end_ptr */
	.long	0, 0x7fffffff		/* cmd_line_ptr, initrd_addr_max */
	.long	0x1000			/* kernel_alignment */
	.byte	1, 12			/* relocatable_kernel, min_alignment */
	.short	0x0b			/* xloadflags: KERNEL_64, CAN_BE_LOADED_ABOVE_4G, EFI_HANDOVER_64 */
	.long	0x7ff, 0		/* cmdline_size, hardware_subarch */
	.quad	0
	.long	0, 0
	.quad	0, 0x100000		/* setup_data, pref_address */
	.long	0x10000			/* init_size: this and room for a stack */
	.long	handover - long		/* handover_offset, counted from the 64-bit entry */
	.long	0

real:					/* cs is 0x20 behind the segment in which byte 0 lies */
	cli
	movw	%cs, %ax
	subw	$0x20, %ax
	movw	%ax, %ds
	movzwl	%ax, %eax
	shll	$4, %eax
	addl	%eax, gdtr + 2
	movl	0x214, %edi		/* code32_start */
	leal	flat - protected(%edi), %eax
	movl	%eax, door
	movl	0x21c, %ebx
	movl	0x228, %esi
	lgdtl	gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	*door
door:	.long	0
	.short	0x10
gdtr:	.short	31
	.long	gdt - _start
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00cf9a000000ffff	/* 0x10: code */
	.quad	0x00cf92000000ffff	/* 0x18: data */

	.org	0x400
	.code32
protected:				/* esi: boot parameters; there are 4 bytes of scratch at 0x1e4 */
	leal	0x1e8(%esi), %esp
	call	1f
1:	popl	%edi
	subl	$(1b - protected), %edi
	movl	0x21c(%esi), %ebx
	movl	$'P', %ebp
	cmpl	$0x34364c45, 0x1c0(%esi) /* efi_info: "EL64" */
	jne	2f
	movl	$'Q', %ebp
2:	movl	0x228(%esi), %esi
	jmp	tell
flat:	movw	$0x18, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$'R', %ebp
tell:					/* edi: `protected`, ebp: the door, ebx: the initrd's size, esi: the command line */
	leal	0x8000(%edi), %esp
	cld
	pushl	%esi
	leal	bios - protected(%edi), %esi
	cmpl	$'Q', %ebp
	jne	3f
	leal	uefi - protected(%edi), %esi
3:	call	print
	movl	%ebp, %eax
	call	put
	leal	initrd - protected(%edi), %esi
	call	print
	movl	$8, %ecx
4:	roll	$4, %ebx
	movl	%ebx, %eax
	andb	$15, %al
	cmpb	$10, %al
	sbbb	$0x69, %al
	das
	call	put
	loop	4b
	leal	cmdline - protected(%edi), %esi
	call	print
	popl	%esi
	testl	%esi, %esi
	jz	5f
	call	print
5:	movb	$'\n', %al
	call	put
	movw	$0xf4, %dx
	movb	$16, %al
	outb	%al, %dx
6:	hlt
	jmp	6b
print:	lodsb
	testb	%al, %al
	jz	7f
	call	put
	jmp	print
7:	ret
put:	movb	%al, %ah
	movw	$0x3fd, %dx
8:	inb	%dx, %al
	testb	$0x20, %al
	jz	8b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	ret

	.org	0x600
	.code64
long:					/* rsi: boot parameters */
	movb	$'L', %r15b
	leaq	0x8000(%rip), %rsp
	jmp	1f
handover:				/* rdi: image, rsi: system table, rdx: boot parameters */
	movq	%rdx, %rsi
	movb	$'H', %r15b
1:	movl	0x21c(%rsi), %ebx
	movl	0x228(%rsi), %r13d
	movl	$1, %r12d
	movl	$0x7ff, %r14d
	jmp	report

efi:					/* rcx: image, rdx: system table; 0x60 in it: boot services */
	subq	$0x68, %rsp
	movq	0x60(%rdx), %rbp
	leaq	loaded_image(%rip), %rdx
	leaq	0x40(%rsp), %r8
	call	*0x98(%rbp)		/* HandleProtocol */
	movq	0x40(%rsp), %rax
	movl	0x30(%rax), %r14d	/* LoadOptionsSize */
	movq	0x38(%rax), %r13	/* LoadOptions */
	shrl	$1, %r14d
	movl	$2, %r12d
	movb	$'E', %r15b
	xorl	%ebx, %ebx
	leaq	initrd_media(%rip), %rax
	movq	%rax, 0x48(%rsp)
	leaq	load_file2(%rip), %rcx
	leaq	0x48(%rsp), %rdx
	leaq	0x50(%rsp), %r8
	call	*0xb8(%rbp)		/* LocateDevicePath */
	testq	%rax, %rax
	jnz	report
	movq	0x50(%rsp), %rcx
	leaq	load_file2(%rip), %rdx
	leaq	0x58(%rsp), %r8
	call	*0x98(%rbp)
	testq	%rax, %rax
	jnz	report
	movq	0x58(%rsp), %rcx
	movq	0x48(%rsp), %rdx
	xorl	%r8d, %r8d
	leaq	0x40(%rsp), %r9
	movq	$0, 0x40(%rsp)
	movq	$0, 0x20(%rsp)
	call	*(%rcx)			/* LoadFile without a buffer: says the size */
	movl	0x40(%rsp), %ebx

report:					/* r15b: the door, ebx: the initrd's size, r13: the command line, r14d: its most characters of r12d bytes */
	cld
	leaq	uefi(%rip), %rsi
	call	print64
	movb	%r15b, %al
	call	put64
	leaq	initrd(%rip), %rsi
	call	print64
	movl	$8, %ecx
2:	roll	$4, %ebx
	movl	%ebx, %eax
	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	3f
	addb	$7, %al
3:	call	put64
	decl	%ecx
	jnz	2b
	leaq	cmdline(%rip), %rsi
	call	print64
	testq	%r13, %r13
	jz	5f
4:	testl	%r14d, %r14d
	jz	5f
	movb	(%r13), %al
	testb	%al, %al
	jz	5f
	call	put64
	addq	%r12, %r13
	decl	%r14d
	jmp	4b
5:	movb	$'\n', %al
	call	put64
	movw	$0xf4, %dx
	movb	$16, %al
	outb	%al, %dx
6:	hlt
	jmp	6b
print64:
	lodsb
	testb	%al, %al
	jz	7f
	call	put64
	jmp	print64
7:	ret
put64:	movb	%al, %ah
	movw	$0x3fd, %dx
8:	inb	%dx, %al
	testb	$0x20, %al
	jz	8b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	ret

bios:	.asciz	"\nIMGC-MARKER ok fw=bios stub="
uefi:	.asciz	"\nIMGC-MARKER ok fw=uefi stub="
initrd:	.asciz	" initrd=0x"
cmdline:
	.asciz	" cmdline="
	.balign	8
loaded_image:				/* EFI_LOADED_IMAGE_PROTOCOL_GUID */
	.long	0x5b1b31a1
	.short	0x9562, 0x11d2
	.byte	0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b
load_file2:				/* EFI_LOAD_FILE2_PROTOCOL_GUID */
	.long	0x4006c0c1
	.short	0xfcb3, 0x403e
	.byte	0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d
initrd_media:				/* a device path: media, vendor, LINUX_EFI_INITRD_MEDIA_GUID; end */
	.byte	4, 3
	.short	20
	.long	0x5568e427
	.short	0x68fc, 0x4f3d
	.byte	0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68
	.byte	0x7f, 0xff
	.short	4

	.org	0xe00
	.long	0, 12, 0		/* one block of relocations that holds none */
	.org	0x1000
