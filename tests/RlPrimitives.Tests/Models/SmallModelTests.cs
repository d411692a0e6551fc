using RlPrimitives.Models;

namespace RlPrimitives.Tests.Models;

public class SmallModelTests
{
    [Theory]
    [InlineData(64, 2, 117_184)]
    [InlineData(96, 3, 364_128)]
    public void A_small_model_is_a_Llama_over_the_tokenizer(int width, int layers, int parameters)
    {
        var config = ModelConfig.Small(TinyModels.Tokenizer, width, layers);
        using var model = CausalLM.Create(config, seed: 1);

        Assert.Equal(parameters, model.ParameterCount);
        Assert.Equal((258, width / 32, 32), (config.VocabularySize, config.Heads, config.HeadDimension));
        Assert.Equal<int>([256], config.EosTokenIds);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(48, 1)]
    [InlineData(64, 0)]
    public void A_shape_that_cannot_be_is_refused(int width, int layers) =>
        Assert.Contains($"asked for {width} and {layers}", Assert.Throws<ArgumentException>(() => ModelConfig.Small(TinyModels.Tokenizer, width, layers)).Message, StringComparison.Ordinal);
}
