// SPDX-License-Identifier: Apache-2.0
// containers.cc — the standard library of C++ at work: trees, hashes, sorting, streams, virtual and template calls.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

struct shape {
    virtual ~shape() = default;
    virtual double area() const = 0;
};

struct square : shape {
    explicit square(double s) : side(s) {}
    double area() const override { return side * side; }
    double side;
};

struct circle : shape {
    explicit circle(double r) : radius(r) {}
    double area() const override { return 3.25 * radius * radius; }
    double radius;
};

int main()
{
    std::map<std::string, int> counts;
    std::unordered_map<unsigned, std::vector<unsigned>> groups;
    std::vector<std::unique_ptr<shape>> shapes;
    unsigned state = 12345;
    auto next = [&state] { return state = state * 1664525u + 1013904223u; };

    for (int i = 0; i < 50000; i++) {
        unsigned n = next();
        counts["key" + std::to_string(n % 997)] += static_cast<int>(n >> 28);
        groups[n % 101].push_back(n);
        if (i % 100 == 0) {
            if (n & 64)
                shapes.push_back(std::make_unique<square>(n % 17));
            else
                shapes.push_back(std::make_unique<circle>(n % 13));
        }
    }
    long long sum = 0;
    for (auto &[key, values] : groups) {
        std::sort(values.begin(), values.end(), std::greater<>());
        sum += std::accumulate(values.begin(), values.begin() + 3, 0ll) * key;
    }
    std::ostringstream text;
    text << counts.size() << ' ' << counts.begin()->first << ' ' << counts.rbegin()->second << ' ' << sum;
    std::printf("%s\n", text.str().c_str());

    double area = 0;
    for (const auto &s : shapes)
        area += s->area();
    std::printf("%zu shapes, %.3f\n", shapes.size(), area);

    std::priority_queue<std::pair<unsigned, std::string>> queue;
    for (auto &[name, count] : counts)
        queue.emplace(count, name);
    for (int i = 0; i < 5; i++, queue.pop())
        std::printf("%u %s\n", queue.top().first, queue.top().second.c_str());
    return 0;
}
