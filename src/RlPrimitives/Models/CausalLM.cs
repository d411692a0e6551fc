using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>A decoder-only language model with its weights: loaded from a Hugging Face folder or made fresh, run, trained, saved.</summary>
public sealed partial class CausalLM : IDisposable
{
    private readonly ICausalModel model;
    private readonly Lock executorLock = new();
    private ITensorExecutor? executor;
    private TensorThread? ownThread;

    private CausalLM(ICausalModel model, Device device, ScalarType type)
    {
        this.model = model;
        Device = device;
        Type = type;
        Parameters = model.NamedParameters.ToArray();
    }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => model.Config;

    /// <summary>Where the weights live.</summary>
    public Device Device { get; }

    /// <summary>Element type computed in; float32 on CPU, where bf16 is slower.</summary>
    public ScalarType Type { get; }

    /// <summary>Every parameter once, under the checkpoint's name; adapters are not among them (<see cref="TrainableParameters"/>).</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Parameter.numel());

    /// <summary>Counts changes of the weights: copies made for speed are renewed when it moves.</summary>
    public long Version { get; private set; }

    /// <summary>Loads a Hugging Face folder (<c>config.json</c> and safetensors, single or sharded).</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where to put the weights; null for CPU.</param>
    /// <param name="type">Element type to compute in; null for float32.</param>
    /// <exception cref="InvalidDataException">The folder holds tensors of another model; the message names file, tensor and expectation.</exception>
    /// <exception cref="NotSupportedException">The architecture or a feature of it is not supported; the message names it.</exception>
    /// <exception cref="IOException">A file was changed while it was loaded, or cannot be read; the message names it.</exception>
    public static CausalLM FromPretrained(string folder, Device? device = null, ScalarType? type = null) =>
        TensorThread.RunOnce(() => Load(folder, device, type));

    private static CausalLM Load(string folder, Device? device, ScalarType? type)
    {
        TorchLibrary.EnsureLoaded();
        using var checkpoint = ModelFolder.Open(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Check(checkpoint);
        Plan(checkpoint.Config, "The model's weights");
        var model = Build(checkpoint.Config);
        var parameters = model.NamedParameters.ToDictionary(p => p.Name, p => p.Parameter);
        foreach (var name in checkpoint.TensorNames)
        {
            if (model.ParameterNameOf(name) is { } target)
            {
                checkpoint.CopyTo(name, parameters[target]);
            }
        }

        return Place(model, device, type);
    }

    /// <summary>Makes a model with fresh weights: normal with <see cref="ModelConfig.InitializerRange"/>, norms 1, biases 0.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <param name="device">Where to put the weights; null for CPU.</param>
    public static CausalLM Create(ModelConfig config, long seed, Device? device = null) => TensorThread.RunOnce(() => Fresh(config, seed, device));

    private static CausalLM Fresh(ModelConfig config, long seed, Device? device)
    {
        TorchLibrary.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Plan(config, "The model's weights");
        var model = Build(config);
        using var generator = new Generator((ulong)seed, torch.CPU);
        foreach (var (name, parameter) in model.NamedParameters)
        {
            if (parameter.dim() == 1)
            {
                parameter.fill_(name.EndsWith("bias", StringComparison.Ordinal) ? Scalars.Of(0) : Scalars.Of(1));
            }
            else
            {
                parameter.copy_(randn(parameter.shape, generator: generator).mul_(Scalars.Of(config.InitializerRange)));
            }
        }

        return Place(model, device, null);
    }

    /// <summary>Logits of padded rows, as transformers gives them.</summary>
    /// <param name="ids">int64 [B, T]</param>
    /// <param name="mask">1 for a token, 0 for padding, on either side; int64 [B, T]; null where nothing is padded.</param>
    /// <returns>[B, T, V]; 0 at padded places.</returns>
    public Tensor Forward(Tensor ids, Tensor? mask = null)
    {
        if (ids.dim() != 2 || (mask is not null && !mask.shape.SequenceEqual(ids.shape)))
        {
            throw new ArgumentException($"Ids must be [B, T] and a mask of the same shape; they are [{string.Join(", ", ids.shape)}] and " +
                $"[{string.Join(", ", mask?.shape ?? [])}].", nameof(ids));
        }

        using var scope = NewDisposeScope();
        var values = ids.cpu().contiguous().data<long>().ToArray();
        var keep = mask?.to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
        int rows = (int)ids.size(0), length = (int)ids.size(1);
        var places = Enumerable.Range(0, rows)
            .Select(b => Enumerable.Range(b * length, length).Where(i => keep is null || keep[i] != 0).ToArray()).ToArray();
        using var tokens = Pack(places.Select(p => Array.ConvertAll(p, i => (int)values[i])).ToArray());
        var logits = Logits(Hidden(tokens));  // [N, V]
        var padded = zeros([(long)rows * length, Config.VocabularySize], dtype: logits.dtype, device: Device);
        var at = torch.tensor(places.SelectMany(p => p).Select(i => (long)i).ToArray(), device: Device);
        return padded.index_copy(0, at, logits).view(rows, length, -1).MoveToOuterDisposeScope();
    }

    /// <summary>Packs rows for this model, on its device.</summary>
    /// <exception cref="ArgumentException">A row is empty, longer than the context, or holds an id outside the vocabulary.</exception>
    public PackedTokens Pack(IReadOnlyList<int[]> rows)
    {
        for (var b = 0; b < rows.Count; b++)
        {
            CheckRow(rows[b], $"Row {b}");
        }

        return new PackedTokens(rows, Device);
    }

    /// <summary>Features after the final norm with gradients, [N, D]; each row sees itself only.</summary>
    /// <param name="tokens">The rows.</param>
    /// <param name="checkpointActivations">
    /// Whether the backward pass computes every layer a second time from its input, [N, D], so that nothing else of a layer is kept until then
    /// (Chen et al. 2016, arXiv:1604.06174): about a third more time, the same gradients. The weights must not change in between.
    /// </param>
    public Tensor Hidden(PackedTokens tokens, bool checkpointActivations = false)
    {
        using var attention = new PackedAttention(Config, tokens);
        // With the adapters switched off nothing has a gradient, and the backward pass would find them on again.
        var recompute = checkpointActivations && is_grad_enabled() && adapters is not { IsOff: true } && TrainableParameters.Any(p => p.Parameter.requires_grad);
        return model.Hidden(tokens, attention, null, recompute);
    }

    /// <summary>Logits of features with gradients, [M, D] → [M, V].</summary>
    public Tensor Logits(Tensor hidden) => model.Logits(hidden, null);

    /// <summary>The output head's weight, [V, D].</summary>
    public Parameter HeadWeight => model.HeadWeight;

    /// <summary>Says that weights were changed in place. Whoever changes them must call it: cached copies are renewed by it.</summary>
    public void MarkChanged() => Version++;

    /// <summary>A copy with weights and adapters of its own, without gradients (a frozen reference).</summary>
    public CausalLM Clone() => TensorThread.RunOnce(Copy);

    private CausalLM Copy()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Plan(Config, "The copy of the model's weights");
        var copy = Place(Build(Config), Device, Type);
        foreach (var (mine, theirs) in Parameters.Zip(copy.Parameters))
        {
            theirs.Parameter.copy_(mine.Parameter);
            theirs.Parameter.requires_grad_(false);
        }

        CopyLoraTo(copy);
        return copy;
    }

    /// <summary>Writes a folder that this library and transformers load; weights in <see cref="ModelConfig.StorageType"/>, adapters merged into them.</summary>
    /// <remarks>The model itself keeps its adapters; <see cref="SaveLora"/> writes them alone.</remarks>
    public void Save(string folder)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        ModelFolder.Save(folder, Config, MergedParameters());
    }

    /// <summary>The thread on which this model computes: that of the backend that generates with it, else one of its own.</summary>
    /// <remarks>Generation and training take turns on it, so no weight changes within a decode step.</remarks>
    public ITensorExecutor Executor
    {
        get
        {
            lock (executorLock)
            {
                return executor ?? (ownThread ??= new TensorThread("RlPrimitives training"));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ownThread?.Dispose();
        adapters?.Dispose();
        model.Dispose();
    }

    /// <summary>A backend offers its thread; the first one's is taken.</summary>
    internal void Offer(ITensorExecutor offered)
    {
        lock (executorLock)
        {
            executor ??= offered;
        }
    }

    /// <summary>A backend ends, and its thread with it.</summary>
    internal void Withdraw(ITensorExecutor offered)
    {
        lock (executorLock)
        {
            executor = ReferenceEquals(executor, offered) ? null : executor;
        }
    }

    /// <summary>Features under no_grad, with fused copies of the weights where that is faster.</summary>
    internal Tensor HiddenForInference(PackedTokens tokens, IAttention attention) => model.Hidden(tokens, attention, InferenceVersion);

    /// <summary>Logits under no_grad, float32.</summary>
    internal Tensor LogitsForInference(Tensor hidden) => model.Logits(hidden, InferenceVersion).to(ScalarType.Float32);

    internal void CheckRow(int[] row, string name)
    {
        if (row.Length > Config.ContextLength)
        {
            throw new ArgumentException($"{name} has {row.Length} tokens, the model's context is {Config.ContextLength}. Shorten it.");
        }

        foreach (var id in row)
        {
            if ((uint)id >= (uint)Config.VocabularySize)
            {
                throw new ArgumentException($"{name} holds token id {id}, the model's vocabulary is 0 … {Config.VocabularySize - 1}. Is this the model's own tokenizer?");
            }
        }
    }

    // Elsewhere than on CPU a second copy of the weights costs more than it gains. Copies made with and without adapters have versions of their own;
    // in bf16 none is made with adapters, because merging would round small updates away: what is sampled from would not be what is trained.
    private long? InferenceVersion => Device.type != DeviceType.CPU || (adapters is not null && Type != ScalarType.Float32) ? null
        : (Version * 2) + (adapters is { IsOff: true } ? 1 : 0);

    // Weights are made on the processor in float32, wherever they go.
    private static void Plan(ModelConfig config, string what) =>
        MemoryPlan.Check(4 * ConfigLimits.CountParameters(config), torch.CPU, what, "take a smaller model, or a machine with more memory");

    private static ICausalModel Build(ModelConfig config) =>
        config.Family == ModelFamily.Gpt2 ? new Gpt2LMHeadModel(config) : new LlamaForCausalLM(config);

    private static CausalLM Place(ICausalModel model, Device? device, ScalarType? type)
    {
        var target = device ?? torch.CPU;
        var module = (nn.Module)model;
        module.to(target, type ?? ScalarType.Float32);
        return new CausalLM(model, target, type ?? ScalarType.Float32);
    }

    // Names and shapes of the whole checkpoint, before memory for any weight is taken.
    private static void Check(ModelFolder checkpoint)
    {
        using var model = Weights.ShapesOnly(() => Build(checkpoint.Config));
        var missing = model.NamedParameters.ToDictionary(p => p.Name, p => p.Parameter);
        foreach (var name in checkpoint.TensorNames)
        {
            if (model.ParameterNameOf(name) is not { } target)
            {
                continue;
            }

            if (!missing.Remove(target, out var parameter))
            {
                throw new InvalidDataException($"{checkpoint.FileOf(name)}: tensor '{name}' does not belong to a {model.Config.Family} model of " +
                    $"{model.Config.Layers} layers (config.json in {checkpoint.Path}), or is there twice.");
            }

            var shape = checkpoint.ShapeOf(name);
            if (!shape.SequenceEqual(parameter.shape))
            {
                throw new InvalidDataException($"{checkpoint.FileOf(name)}: tensor '{name}' has shape [{string.Join(", ", shape)}], " +
                    $"config.json asks for [{string.Join(", ", parameter.shape)}].");
            }
        }

        if (missing.Count > 0)
        {
            throw new InvalidDataException($"{checkpoint.Path}: {missing.Count} of the model's tensors are missing, first " +
                $"'{missing.Keys.Order(StringComparer.Ordinal).First()}'.");
        }
    }
}
