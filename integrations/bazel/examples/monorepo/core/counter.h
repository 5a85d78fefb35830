#pragma once

#include <map>
#include <string>

// How often each word occurs in text.
std::map<std::string, int> count(const std::string &text);
