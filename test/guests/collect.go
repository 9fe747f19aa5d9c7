// SPDX-License-Identifier: Apache-2.0

// collect.go keeps the garbage collector busy: it builds and drops trees, maps and strings, collects
// several times on purpose, sleeps in goroutines meanwhile (the scheduler then waits in
// poll_oneoff), and prints figures that do not depend on the machine.
package main

import (
	"fmt"
	"hash/fnv"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type node struct {
	left, right *node
	value       uint32
}

func grow(depth int, seed *uint32) *node {
	if depth == 0 {
		return nil
	}
	*seed = *seed*1664525 + 1013904223
	n := &node{value: *seed}
	n.left = grow(depth-1, seed)
	n.right = grow(depth-1, seed)
	return n
}

func (n *node) sum() uint32 {
	if n == nil {
		return 0
	}
	return n.value + n.left.sum()*3 + n.right.sum()*5
}

func words(rounds int) uint32 {
	counts := map[string]int{}
	seed := uint32(7)
	for i := 0; i < rounds; i++ {
		seed = seed*1664525 + 1013904223
		counts[fmt.Sprintf("w%d", seed>>22)] += i
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	hash := fnv.New32a()
	for _, key := range keys {
		fmt.Fprintf(hash, "%s=%d;", key, counts[key])
	}
	return hash.Sum32() ^ uint32(len(strings.Join(keys, ",")))
}

func main() {
	var group sync.WaitGroup
	results := make([]uint32, 4)
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			seed := uint32(i + 1)
			for round := 0; round < 3; round++ {
				results[i] ^= grow(11, &seed).sum()
				time.Sleep(time.Millisecond)
				runtime.GC()
			}
		}(i)
	}
	group.Wait()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("trees", results)
	fmt.Println("words", words(20000))
	fmt.Println("collected", stats.NumGC >= 3)
}
