#include "counter.h"

#include <sstream>

std::map<std::string, int> count(const std::string &text) {
  std::map<std::string, int> found;
  std::istringstream words(text);
  for (std::string word; words >> word;) ++found[word];
  return found;
}
