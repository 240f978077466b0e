package backup

import "os"

// link is not done here: contents are copied.
func link(*os.Root, string, *os.Root, string) (done bool, err error) { return false, nil }

func onOneFileSystem(string, string) bool { return false }
