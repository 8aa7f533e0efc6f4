// Times BuildKit's parser: main FILE TIMES prints the median nanoseconds of a parse. It is compiled inside BuildKit's source, by -overlay.
package main

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	times, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	taken := make([]int64, 0, times)
	for i := 0; i < times; i++ {
		begun := time.Now()
		if _, err := parser.Parse(bytes.NewReader(text)); err != nil {
			panic(err)
		}
		taken = append(taken, time.Since(begun).Nanoseconds())
	}
	sort.Slice(taken, func(a, b int) bool { return taken[a] < taken[b] })
	fmt.Println(taken[times/2])
}
