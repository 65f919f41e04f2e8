// Compiled with: clang++ -std=c++17 -O2 -ftime-trace -ftime-trace-granularity=100 -c: templates, a standard header, an inlined and a cold function.
#include <array>
#include <vector>

namespace shapes {

template <int N>
struct Polygon {
  std::array<double, N * 2> points{};
  double area() const {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
      int j = (i + 1) % N;
      sum += points[2 * i] * points[2 * j + 1] - points[2 * j] * points[2 * i + 1];
    }
    return sum / 2;
  }
};

template <int... N>
double total(const Polygon<N>&... polygons) {
  return (polygons.area() + ... + 0.0);
}

}  // namespace shapes

int main() {
  std::vector<int> sizes{3, 4, 5, 6};
  shapes::Polygon<3> triangle;
  shapes::Polygon<4> square;
  shapes::Polygon<5> pentagon;
  return static_cast<int>(shapes::total(triangle, square, pentagon)) + static_cast<int>(sizes.size());
}
