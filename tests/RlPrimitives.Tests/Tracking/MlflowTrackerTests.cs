using System.Net;
using System.Text;
using System.Text.Json;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class MlflowTrackerTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(5);

    [Fact]
    public async Task A_run_keeps_to_the_documented_schema_from_its_experiment_to_its_end()
    {
        using var server = new MlflowStub();
        await Sample.PlayAsync(new MlflowTracker(server.Address, "sums & more", Soon));
        Assert.Empty(server.Violations);
        Assert.Equal(
            ["experiments/get-by-name", "experiments/create", "runs/create", "runs/log-batch", "runs/log-batch", "runs/log-batch", "runs/log-batch", "runs/log-batch", "runs/update"],
            server.Requests.Select(r => r.Path));
        Assert.Equal("sums & more", server.Bodies("experiments/create").Single().GetProperty("name").GetString());
        var parameters = server.Bodies("runs/log-batch").First().GetProperty("params").EnumerateArray().ToDictionary(p => p.GetProperty("key").GetString()!, p => p.GetProperty("value").GetString());
        Assert.Equal(("GRPO", "8", "true", "2.5", "18446744073709551615"), (parameters["algorithm"], parameters["rollouts.GroupSize"], parameters["rollouts.Deterministic"], parameters["stops.1"], parameters["seed"]));
        var means = server.Bodies("runs/log-batch").Where(b => b.TryGetProperty("metrics", out _)).SelectMany(b => b.GetProperty("metrics").EnumerateArray())
            .Where(m => m.GetProperty("key").GetString() == "reward/mean").Select(m => (m.GetProperty("step").GetInt64(), m.GetProperty("value").GetDouble()));
        Assert.Equal([(1L, 0.25), (2, 0.5), (3, 0.75)], means);
        Assert.Equal("FINISHED", server.Bodies("runs/update").Single().GetProperty("status").GetString());
    }

    [Fact]
    public async Task Completions_of_every_batch_are_artifacts()
    {
        using var server = new MlflowStub();
        await Sample.PlayAsync(new MlflowTracker(server.Address, "sums", Soon));
        Assert.Equal(["1/run1/artifacts/completions/000001.json", "1/run1/artifacts/completions/000002.json", "1/run1/artifacts/completions/000003.json"], server.Artifacts.Keys.Order());
        Assert.Equal(3, JsonDocument.Parse(server.Artifacts.Values.First()).RootElement.GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task A_server_that_keeps_artifacts_elsewhere_is_said_to_miss_completions()
    {
        using var server = new MlflowStub("s3://bucket/1");
        await using var run = new RunTrackers(Sample.Run, [new MlflowTracker(server.Address, "sums", Soon)]);
        run.LogCompletions(Sample.Rows(1));
        run.LogStep(Sample.Step(1));
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal((new TrackedCount(1, 0), new TrackedCount(0, 3)), (report.Steps, report.Completions));
        Assert.Contains("--serve-artifacts", report.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limits_of_a_batch_are_kept_however_much_there_is()
    {
        using var server = new MlflowStub();
        var tracker = new MlflowTracker(server.Address, "sums", Soon);
        var config = Enumerable.Range(0, 350).ToDictionary(i => $"option:{i}", i => (object?)new string(i % 2 == 0 ? 'ä' : '\u0001', 5000));
        await tracker.BeginAsync(Sample.Run with { Config = config }, default);
        await tracker.LogStepAsync(new StepMetrics(1, Sample.Time, Enumerable.Range(0, 2500).ToDictionary(i => $"metric {i} (%)", i => i == 7 ? double.NaN : i)), default);
        await tracker.DisposeAsync();
        Assert.Empty(server.Violations);
        Assert.Equal(2499, server.Bodies("runs/log-batch").Where(b => b.TryGetProperty("metrics", out _)).Sum(b => b.GetProperty("metrics").GetArrayLength()));
        Assert.Equal(351, server.Bodies("runs/log-batch").Where(b => b.TryGetProperty("params", out _)).Sum(b => b.GetProperty("params").GetArrayLength()));
    }

    [Theory]
    [InlineData(RunStatus.Failed, "FAILED")]
    [InlineData(RunStatus.Cancelled, "KILLED")]
    public async Task The_end_is_a_status_with_its_message(RunStatus status, string expected)
    {
        using var server = new MlflowStub();
        await Sample.PlayAsync(new MlflowTracker(server.Address, "sums", Soon), outcome: new RunOutcome(status, Sample.Time, "why"));
        Assert.Equal(expected, server.Bodies("runs/update").Single().GetProperty("status").GetString());
        Assert.Equal("why", server.Bodies("runs/log-batch").Last().GetProperty("tags")[0].GetProperty("value").GetString());
        Assert.Empty(server.Violations);
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_and_a_refusal_is_not()
    {
        using var server = new MlflowStub();
        server.Faults.Enqueue(HttpStatusCode.ServiceUnavailable);
        server.Faults.Enqueue(HttpStatusCode.TooManyRequests);
        var tracker = new MlflowTracker(server.Address, "sums", Soon);
        await tracker.BeginAsync(Sample.Run, default);
        server.Faults.Enqueue(HttpStatusCode.BadGateway);
        await tracker.LogStepAsync(Sample.Step(1), default);
        server.Faults.Enqueue(HttpStatusCode.Forbidden);
        var before = server.Authorizations.Count;
        var error = await Assert.ThrowsAsync<MlflowException>(() => tracker.LogStepAsync(Sample.Step(2), default).AsTask());
        Assert.Contains("runs/log-batch was refused with 403", error.Message, StringComparison.Ordinal);
        Assert.Equal(before + 1, server.Authorizations.Count);
        Assert.Single(server.Bodies("runs/create"));
        await tracker.DisposeAsync();
    }

    [Fact]
    public async Task A_run_is_not_made_twice_where_the_server_may_have_made_it()
    {
        using var server = new MlflowStub { FailsOnce = "runs/create" };
        await using var tracker = new MlflowTracker(server.Address, "sums", Soon);
        Assert.Contains("500", (await Assert.ThrowsAsync<MlflowException>(() => tracker.BeginAsync(Sample.Run, default).AsTask())).Message, StringComparison.Ordinal);
        Assert.Single(server.Bodies("runs/create"));
    }

    [Fact]
    public async Task A_page_that_is_not_the_servers_own_answer_makes_no_experiment()
    {
        using var server = new MlflowStub();
        await using var tracker = new MlflowTracker(server.Address, "sums", Soon);
        server.Faults.Enqueue(HttpStatusCode.NotFound);
        await Assert.ThrowsAsync<MlflowException>(() => tracker.BeginAsync(Sample.Run, default).AsTask());
        Assert.Empty(server.Bodies("experiments/create"));
    }

    [Fact]
    public async Task A_password_in_the_address_is_sent_as_authorization_and_stands_nowhere()
    {
        using var server = new MlflowStub();
        var address = new UriBuilder(server.Address) { UserName = "ada", Password = "s3cretpass" }.Uri;
        await using var run = new RunTrackers(Sample.Run, [new MlflowTracker(address, "sums", Soon)]);
        run.LogStep(Sample.Step(1));
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal(1, report.Steps.Written);
        Assert.All(server.Authorizations, a => Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("ada:s3cretpass")), a));
        Assert.DoesNotContain("s3cretpass", new TrackingConfig { MlflowUri = address }.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_that_cannot_be_asked_is_refused_without_repeating_it()
    {
        var error = Assert.Throws<ArgumentException>(() => new TrackingConfig { MlflowUri = new Uri("file:///tmp/secretpath") });
        Assert.Contains("http://localhost:5000", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secretpath", error.Message, StringComparison.Ordinal);
    }
}
