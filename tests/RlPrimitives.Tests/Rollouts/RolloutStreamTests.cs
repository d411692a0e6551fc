using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Rollouts;

/// <summary>Trajectories as they finish.</summary>
public class RolloutStreamTests
{
    private static readonly SamplingOptions Short = new() { MaxNewTokens = 9, Temperature = 0.9f };
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 7).Select(i => new Problem($"p{i}", new string('q', 1 + i), ""))];

    [Fact]
    public async Task The_stream_brings_what_a_collection_would_have_collected()
    {
        using var module = TinyModels.FreshModule();
        var config = new RolloutConfig { GroupSize = 2, NumParallel = 5, Seed = 3 };
        var expected = (await new RolloutManager(Environment(module), config).CollectAsync(12).Ends()).Trajectories;
        foreach (var deterministic in new[] { true, false })
        {
            var got = await Collect(new RolloutManager(Environment(module), config with { Deterministic = deterministic }).StreamAsync(12));
            var sorted = got.OrderBy(t => (t.Group, t.Member)).ToArray();
            Assert.Equal(RolloutManagerTests.Tokens(expected), RolloutManagerTests.Tokens(sorted));
            if (deterministic)
            {
                Assert.Equal(RolloutManagerTests.Bits(expected), RolloutManagerTests.Bits(sorted));
                Assert.NotEqual(sorted, got); // as they finish, not in order
            }
        }
    }

    [Fact]
    public async Task Order_and_bits_repeat_even_where_the_caller_trains_inside_the_loop()
    {
        string? expected = null;
        for (var round = 0; round < 6; round++)
        {
            using var module = TinyModels.FreshModule();
            var random = new Random(round);
            var environment = Environment(module, async (_, token) => await Task.Delay(random.Next(3), token));
            var got = new List<Trajectory>();
            await foreach (var trajectory in new RolloutManager(environment, new RolloutConfig { NumParallel = 6, Seed = 3, MaxSteps = 4 }).StreamAsync(28))
            {
                got.Add(trajectory);
                await Task.Delay(random.Next(4));
                await module.Model.Executor.RunAsync(() =>
                {
                    using var scope = NewDisposeScope();
                    using var _ = no_grad();
                    module.Model.HeadWeight.mul_(1.01);
                    module.Model.MarkChanged();
                    return 0;
                });
            }

            var bits = string.Join('\n', got.Select(t => RolloutManagerTests.Bits([t]) + " " + string.Join(',', t.Turns.Select(turn => turn.WeightsVersion))));
            Assert.Equal(expected ??= bits, bits);
            Assert.True(got.Select(t => t.WeightsVersion).Distinct().Count() > 5);
        }
    }

    [Fact]
    public async Task Groups_come_whole_and_as_soon_as_their_last_member_ends()
    {
        using var module = TinyModels.FreshModule();
        var manager = new RolloutManager(Environment(module), new RolloutConfig { GroupSize = 3, NumParallel = 4, Seed = 1 });
        var finished = new List<int>();
        await foreach (var group in manager.StreamGroupsAsync(21))
        {
            Assert.Equal([(group.Index, 0), (group.Index, 1), (group.Index, 2)], group.Trajectories.Select(t => (t.Group, t.Member)));
            Assert.Single(group.Trajectories.Select(t => t.Problem.Id).Distinct());
            finished.Add(group.Index);
        }

        Assert.Equal(Enumerable.Range(0, 7), finished.Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Leaving_the_loop_leaves_nothing_running(bool deterministic)
    {
        using var module = TinyModels.FreshModule();
        var running = 0;
        var environment = Environment(module, async (_, token) =>
        {
            Interlocked.Increment(ref running);
            try
            {
                await Task.Delay(1, token);
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        });
        var manager = new RolloutManager(environment, new RolloutConfig { NumParallel = 6, Deterministic = deterministic });
        await foreach (var _ in manager.StreamAsync(70))
        {
            break;
        }

        Assert.Equal(0, running);
        Assert.Equal(7, (await manager.CollectAsync(7).Ends()).Trajectories.Count);
    }

    [Fact]
    public async Task Cancelling_ends_the_stream()
    {
        using var module = TinyModels.FreshModule();
        using var cancelled = new CancellationTokenSource();
        var stream = new RolloutManager(Environment(module), new RolloutConfig { NumParallel = 3 }).StreamAsync(70, cancelled.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in stream)
            {
                await cancelled.CancelAsync();
            }
        });
    }

    [Fact]
    public async Task A_manager_goes_on_where_another_stood()
    {
        using var module = TinyModels.FreshModule();
        var config = new RolloutConfig { GroupSize = 2, Seed = 6 };
        var first = new RolloutManager(Environment(module), config);
        await first.CollectAsync(6);
        await first.CollectAsync(Problems[..1]);
        await Collect(first.StreamAsync(4));
        var state = System.Text.Json.JsonSerializer.Deserialize<RolloutState>(System.Text.Json.JsonSerializer.Serialize(first.State))!; // as a checkpoint would
        Assert.Equal(new RolloutState(3, 5, 6, 7), state);

        var second = new RolloutManager(Environment(module), config);
        second.Restore(state);
        for (var i = 0; i < 2; i++)
        {
            var (a, b) = (await first.CollectAsync(10).Ends(), await second.CollectAsync(10).Ends());
            Assert.Equal(a.Trajectories.Select(t => t.Problem.Id), b.Trajectories.Select(t => t.Problem.Id));
            Assert.Equal(RolloutManagerTests.Bits(a.Trajectories), RolloutManagerTests.Bits(b.Trajectories));
        }

        Assert.Contains("seed 7", Assert.Throws<ArgumentException>(() => new RolloutManager(Environment(module), config with { Seed = 7 }).Restore(state)).Message, StringComparison.Ordinal);
    }

    private static ScriptedEnvironment Environment(InferenceModule module, Func<State, CancellationToken, Task>? before = null) =>
        new(module, Problems, Short) { Before = before, Ends = (state, turn) => state.Turns.Length == 3 || turn.TokenIds[0] % 3 == 0 };

    private static async Task<List<Trajectory>> Collect(IAsyncEnumerable<Trajectory> stream)
    {
        var all = new List<Trajectory>();
        await foreach (var trajectory in stream)
        {
            all.Add(trajectory);
        }

        return all;
    }
}
