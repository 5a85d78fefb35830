"use strict";

/** The sum of the prices, in cents. */
function total(prices) {
  return prices.reduce((sum, price) => sum + price, 0);
}

module.exports = { total };
