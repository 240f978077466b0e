package sqlite

import (
	"unsafe"

	"modernc.org/libc"
)

const pointerSize = int(unsafe.Sizeof(uintptr(0)))

// loadPointer reads a pointer from memory of the library.
func loadPointer(address uintptr) uintptr {
	return *(*uintptr)(unsafe.Pointer(unsafe.SliceData(libc.GoBytes(address, pointerSize))))
}
