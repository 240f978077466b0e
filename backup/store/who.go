package store

import (
	"fmt"
	"os"
)

// whoWeAre names this process for those who wait for it.
func whoWeAre() string {
	machine, err := os.Hostname()
	if err != nil {
		machine = "an unnamed machine"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), machine)
}
