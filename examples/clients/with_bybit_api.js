// bybit-api of npm at the paper exchange: its own classes with other addresses and nothing else.
//
//     npm install bybit-api
//     python -m paper_exchange.main --port 8099
//     NODE_PATH=node_modules node examples/clients/with_bybit_api.js http://127.0.0.1:8099
'use strict';
const assert = require('node:assert');
const { RestClientV5, WebsocketAPIClient, WebsocketClient } = require('bybit-api');

const url = process.argv[2];
const key = 'paper-key';
const secret = 'paper-secret';
const market = { category: 'linear', symbol: 'BTCUSDT' };
const quiet = { trace() {}, info() {}, error: console.error };

/** The result of a REST call that must succeed. */
async function result(call) {
  const answer = await call;
  assert.strictEqual(answer.retCode, 0, answer.retMsg);
  return answer.result;
}

/** What `ask` finds: the effect of an act may come a moment after the reply to it. */
async function eventually(ask) {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('waited in vain for the effect of an order');
}

/** A socket with one address: bybit-api takes `wsUrl` for all sockets of a client. */
function socket(path) {
  const client = new WebsocketClient({ key, secret, wsUrl: url.replace('http', 'ws') + path }, quiet);
  client.on('exception', (error) => console.error('exception', error));
  return client;
}

/** Subscribes and waits for the exchange's answer: what happens before it is not told. */
function subscribe(client, topics) {
  const answer = new Promise((resolve) =>
    client.on('response', (frame) => frame.op === 'subscribe' && resolve()));
  client.subscribeV5(topics, market.category);
  return answer;
}

/** The next frame of each of these topics. */
function frames(client, ...topics) {
  const next = (topic) =>
    new Promise((resolve) =>
      client.on('update', (frame) => frame.topic === topic && resolve(frame)));
  return Promise.all(topics.map(next));
}

/** The public streams. */
async function streams() {
  const client = socket('/v5/public/linear');
  const topics = ['orderbook.50', 'publicTrade', 'tickers', 'kline.1'].map(
    (name) => `${name}.${market.symbol}`);
  const told = frames(client, ...topics);
  await subscribe(client, topics);
  const [book, trades, ticker, candles] = await told;
  assert(Number(book.data.b[0][0]) < Number(book.data.a[0][0]));
  assert(Number(trades.data[0].v) > 0 && Number(ticker.data.lastPrice) > 0);
  assert.strictEqual(typeof candles.data[0].confirm, 'boolean');
  console.log('streams told', topics.join(' '));
  client.closeAll(true);
}

/** An order over REST: rests, is found, changed and cancelled. Returns a price that rests. */
async function orders(rest) {
  const ticker = (await result(rest.getTickers(market))).list[0];
  const price = (Number(ticker.lastPrice) * 0.97).toFixed(1);
  const order = { ...market, side: 'Buy', orderType: 'Limit', qty: '0.010', price };
  const { orderId } = await result(rest.submitOrder(order));
  const one = { ...market, orderId };
  await eventually(async () => (await result(rest.getActiveOrders(one))).list[0]);
  await result(rest.amendOrder({ ...one, qty: '0.020' }));
  await result(rest.cancelOrder(one));
  const past = await eventually(async () => (await result(rest.getHistoricOrders(one))).list[0]);
  assert.deepStrictEqual([past.orderStatus, past.qty], ['Cancelled', '0.020']);
  console.log('REST: placed, changed, cancelled', orderId);
  return price;
}

/** Orders over the trade socket, and what the private streams tell of them. */
async function trading(rest, price) {
  const api = new WebsocketAPIClient(
    { key, secret, wsUrl: `${url.replace('http', 'ws')}/v5/trade`, attachEventListeners: false },
    quiet);
  const order = { ...market, side: 'Buy', orderType: 'Limit', qty: '0.010', price };
  const { orderId } = (await api.submitNewOrder(order)).data;
  await api.amendOrder({ ...market, orderId, qty: '0.020' });
  await api.cancelOrder({ ...market, orderId });
  const { category, ...row } = order;
  const batch = await api.batchSubmitOrders(category, [row, { ...row, qty: '0.0001' }]);
  assert.deepStrictEqual(batch.retExtInfo.list.map((each) => each.code === 0), [true, false]);
  await api.batchCancelOrder(category,
    [{ symbol: row.symbol, orderId: batch.data.list[0].orderId }]);
  await assert.rejects(api.cancelOrder({ ...market, orderId }), (e) => e.retCode === 110001);

  const client = socket('/v5/private');
  const topics = ['order', 'execution', 'position', 'wallet'];
  const told = frames(client, ...topics);
  await subscribe(client, topics);
  const size = { ...market, orderType: 'Market', qty: '0.010' };
  await api.submitNewOrder({ ...size, side: 'Buy' });
  const [, fills, positions] = await told;
  console.log('bought', fills.data[0].execQty, 'at', fills.data[0].execPrice);
  assert.strictEqual(typeof positions.data[0].positionIdx, 'number');
  assert.strictEqual(
    (await result(rest.getPositionInfo(market))).list[0].size, '0.010');
  await api.submitNewOrder({ ...size, side: 'Sell', reduceOnly: true });
  client.closeAll(true);
  api.getWSClient().closeAll(true);
}

async function main() {
  const rest = new RestClientV5({ key, secret, baseUrl: url });
  const wallet = (await result(rest.getWalletBalance({ accountType: 'UNIFIED' }))).list[0];
  console.log('equity', wallet.totalEquity);
  await streams();
  await trading(rest, await orders(rest));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  });
