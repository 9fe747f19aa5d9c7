// SPDX-License-Identifier: Apache-2.0

// program.go is the Go program of the engine benchmark: maps, strings, sorting, hashing, JSON, closures and garbage,
// as a web application has them. The benchmark puts the size in.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

const size = 1

type record struct {
	Name  string            `json:"name"`
	Score float64           `json:"score"`
	Tags  []string          `json:"tags"`
	More  map[string]string `json:"more"`
}

func work(round int) byte {
	records := make([]record, 0, 64)
	for i := 0; i < 64; i++ {
		name := fmt.Sprintf("record %d of %d", i*7919%101, round)
		records = append(records, record{name, float64(i*i%37) / 3, strings.Fields(name), map[string]string{"k": name}})
	}
	sort.Slice(records, func(a, b int) bool {
		if records[a].Score != records[b].Score {
			return records[a].Score < records[b].Score
		}
		return records[a].Name < records[b].Name
	})
	text, err := json.Marshal(records)
	if err != nil {
		panic(err)
	}
	var back []record
	if err := json.Unmarshal(text, &back); err != nil {
		panic(err)
	}
	counts := map[string]int{}
	for _, r := range back {
		for _, tag := range r.Tags {
			counts[strings.ToUpper(tag)] += len(r.More["k"])
		}
	}
	sum := sha256.Sum256(append(text, byte(len(counts))))
	return sum[0]
}

func main() {
	total := 0
	for round := 0; round < size; round++ {
		total = total*31 + int(work(round))
	}
	fmt.Println(total)
}
