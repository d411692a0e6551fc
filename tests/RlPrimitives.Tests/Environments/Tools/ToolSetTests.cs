using System.Collections.Immutable;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class ToolSetTests
{
    [Fact]
    public async Task A_text_or_an_object_becomes_the_arguments()
    {
        var tools = new ToolSet([Calculator.Tool(), AIFunctionFactory.Create((int a, int b) => a + b, "add"), AIFunctionFactory.Create(() => "noon", "time")]);
        Assert.Equal(("36", null, 1), Said(await tools.CallAsync(new ToolRequest("calc", "12*3"))));
        Assert.Equal(("36", null, 1), Said(await tools.CallAsync(new ToolRequest("calc", """{"expression": "12*3"}"""))));
        Assert.Equal(("5", null, 1), Said(await tools.CallAsync(new ToolRequest("add", """{"a": 2, "b": 3}"""))));
        Assert.Equal(("noon", null, 1), Said(await tools.CallAsync(new ToolRequest("time", ""))));
        Assert.Equal(("noon", null, 1), Said(await tools.CallAsync(new ToolRequest("time", "{}"))));
    }

    [Theory]
    [InlineData("calc", "1/0", "division by zero")]
    [InlineData("calc", "", "needs an argument")]
    [InlineData("calc", "{\"expression\": ", "not valid JSON")]
    [InlineData("calc", "{\"wrong\": 1}", "expression")]
    [InlineData("calk", "1", "there is no tool 'calk'; there are add, calc, fail")]
    [InlineData("add", "2 3", "write them as a JSON object")]
    [InlineData("add", "{\"a\": \"x\", \"b\": 1}", "a")]
    [InlineData("fail", "x", "broken inside")]
    public async Task A_mistake_is_a_text_for_the_model_and_recorded(string tool, string arguments, string says)
    {
        var tools = new ToolSet([Calculator.Tool(), AIFunctionFactory.Create((int a, int b) => a + b, "add"), AIFunctionFactory.Create(string (string x) => throw new InvalidOperationException("broken inside"), "fail")]);
        var call = await tools.CallAsync(new ToolRequest(tool, arguments));
        Assert.Contains(says, call.Error, StringComparison.Ordinal);
        Assert.Equal("error: " + call.Error, call.Result);
        Assert.Equal((tool, arguments, 1), (call.Tool, call.Arguments, call.Cost));
    }

    [Fact]
    public async Task A_request_that_could_not_be_read_is_answered_with_why()
    {
        var call = await new ToolSet([Calculator.Tool()]).CallAsync(new ToolRequest("", "{", "not valid JSON"));
        Assert.Equal(("error: not valid JSON", "not valid JSON"), (call.Result, call.Error));
    }

    [Fact]
    public async Task A_tool_that_hangs_ends_at_its_time_limit_whether_it_awaits_or_not()
    {
        using var stuck = new ManualResetEventSlim();
        var options = new ToolOptions { Timeout = TimeSpan.FromMilliseconds(50) };
        var tools = new ToolSet(
            [
                AIFunctionFactory.Create(async (CancellationToken c) => { await Task.Delay(Timeout.Infinite, c); return ""; }, "heeds"),
                AIFunctionFactory.Create(async () => { await Task.Run(() => stuck.Wait()); return ""; }, "ignores"),
                AIFunctionFactory.Create(() => { stuck.Wait(); return ""; }, "blocks"),
            ],
            options);
        foreach (var name in new[] { "heeds", "ignores", "blocks" })
        {
            var call = await tools.CallAsync(new ToolRequest(name, "")).Ends();
            Assert.Equal("no answer within 0.05 s", call.Error);
            Assert.True(call.Seconds > 0);
        }

        stuck.Set();
    }

    [Fact]
    public async Task Tools_that_block_leave_the_pools_threads_to_others()
    {
        // Each waits until all have begun: on the pool, which has few threads and adds more only slowly, the first would keep the last from beginning.
        const int together = 200;
        using var begun = new CountdownEvent(together);
        using var all = new ManualResetEventSlim();
        var onPool = 0;
        var tools = new ToolSet(
            [
                AIFunctionFactory.Create(() =>
                {
                    Interlocked.Add(ref onPool, Thread.CurrentThread.IsThreadPoolThread ? 1 : 0);
                    begun.Signal();
                    all.Wait(CancellationToken.None);
                    return "ok";
                }, "meet"),
            ],
            new ToolOptions { Timeout = Timeout.InfiniteTimeSpan });
        var calls = Enumerable.Range(0, together).Select(_ => tools.CallAsync(new ToolRequest("meet", ""))).ToArray();
        await Task.Run(() => begun.Wait(TimeSpan.FromSeconds(30))).Ends();
        all.Set();
        Assert.All(await Task.WhenAll(calls).Ends(), c => Assert.Equal("ok", c.Result));
        Assert.Equal(0, onPool);
    }

    [Fact]
    public async Task Cancelling_is_not_an_answer()
    {
        using var cancelled = new CancellationTokenSource();
        var tools = new ToolSet([AIFunctionFactory.Create(async (CancellationToken c) => { await cancelled.CancelAsync(); await Task.Delay(Timeout.Infinite, c); return ""; }, "wait")]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tools.CallAsync(new ToolRequest("wait", ""), cancelled.Token).Ends());
    }

    [Fact]
    public async Task A_long_output_is_cut_with_a_mark_and_never_inside_a_character()
    {
        var tools = new ToolSet([AIFunctionFactory.Create((string x) => x, "say"), AIFunctionFactory.Create(string (string x) => throw new FormatException(x), "fail")], new ToolOptions { MaxOutput = 5 });
        var call = await tools.CallAsync(new ToolRequest("say", "abcdefgh"));
        Assert.Equal(("abcde...(cut, 3 more characters)", true), (call.Result, call.IsCut));
        Assert.Equal("abcd...(cut, 3 more characters)", (await tools.CallAsync(new ToolRequest("say", "abcd😀e"))).Result);
        Assert.False((await tools.CallAsync(new ToolRequest("say", "abcde"))).IsCut);
        Assert.True((await tools.CallAsync(new ToolRequest("fail", "abcde"))).IsCut);
    }

    [Fact]
    public async Task Results_of_any_type_become_text()
    {
        var tools = new ToolSet(
            [AIFunctionFactory.Create(() => 1.5, "number"), AIFunctionFactory.Create(() => (string?)null, "nothing"), AIFunctionFactory.Create(() => new[] { 1, 2 }, "list"), AIFunctionFactory.Create(() => { }, "none")]);
        Assert.Equal("1.5", (await tools.CallAsync(new ToolRequest("number", ""))).Result);
        Assert.Equal("", (await tools.CallAsync(new ToolRequest("nothing", ""))).Result);
        Assert.Equal("[1,2]", (await tools.CallAsync(new ToolRequest("list", ""))).Result);
        Assert.Equal("", (await tools.CallAsync(new ToolRequest("none", ""))).Result);
    }

    [Fact]
    public void Names_are_unique_and_costs_belong_to_tools()
    {
        Assert.Throws<ArgumentException>(() => new ToolSet([]));
        Assert.Contains("'calc'", Assert.Throws<ArgumentException>(() => new ToolSet([Calculator.Tool(), Calculator.Tool()])).Message, StringComparison.Ordinal);
        var costs = ImmutableDictionary<string, int>.Empty.Add("calk", 2);
        Assert.Contains("'calk'", Assert.Throws<ArgumentException>(() => new ToolSet([Calculator.Tool()], new ToolOptions { Costs = costs })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolOptions { Costs = costs.SetItem("calk", -1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolOptions { Timeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolOptions { MaxOutput = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolOptions { MaxCalls = 0 });
    }

    [Fact]
    public void A_budget_is_never_overdrawn()
    {
        var budget = new ToolBudget(3).Spend(2);
        Assert.Equal((3, 2, 1), (budget.Limit, budget.Spent, budget.Left));
        Assert.Contains("1 of 3", Assert.Throws<InvalidOperationException>(() => budget.Spend(2)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => budget.Spend(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolBudget(-1));
    }

    private static (string, string?, int) Said(ToolCall call) => (call.Result, call.Error, call.Cost);
}
