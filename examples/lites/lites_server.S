/* lites_server.S: a stand-in for the Lites server, so that the example boots without it.
 *
 * GNU Mach starts it as its first task. It prints its arguments and a marker on the kernel's console, then spins: it must
 * not return, as nobody is there to return to.
 *
 * The ELF file is spelled out here, so that only the assembler has a say in its bytes:
 *
 *     gcc -m32 -c -o lites_server.o lites_server.S
 *     ld -m elf_i386 -Ttext=0x10000 --oformat binary -o lites_server lites_server.o
 */
	.set	BASE, 0x10000

	.text
	.globl	_start
file:					/* ELF header: System V ABI, chapter 4 */
	.byte	0x7f, 'E', 'L', 'F'
	.byte	1, 1, 1, 0		/* 32 bits, little-endian, version 1, System V */
	.zero	8
	.short	2, 3			/* executable, for the 386 */
	.long	1
	.long	BASE + (entry - file)
	.long	segment - file		/* program headers */
	.long	0, 0			/* no section headers; no flags */
	.short	52, 32, 1		/* sizes of this header and of a program header; one of them */
	.short	40, 0, 0
segment:				/* the whole file, to be read, written and executed */
	.long	1, 0
	.long	BASE, BASE
	.long	end - file, end - file
	.long	7, 0x1000

_start:
entry:					/* the stack holds argc, argv[0], ..., 0 */
	movl	%esp, %esi
	movl	$(BASE + (hello - file)), %eax
	call	print
	addl	$4, %esi		/* over argc */
next:
	movl	(%esi), %eax
	addl	$4, %esi
	testl	%eax, %eax
	jz	done
	call	print
	movl	$(BASE + (bar - file)), %eax
	call	print
	jmp	next
done:
	movl	$(BASE + (marker - file)), %eax
	call	print
spin:
	pause
	jmp	spin

/* Prints the string at eax: Mach's trap -30, mach_print, through the call gate; its argument lies above a return address. */
print:
	pushl	%eax
	pushl	$0
	movl	$-30, %eax
	lcall	$7, $0
	addl	$8, %esp
	ret

hello:	.asciz	"LITES-STUB argv: |"
bar:	.asciz	"|"
marker:	.asciz	"\nLITES-STUB-OK\n"
end:
